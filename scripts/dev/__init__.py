"""What a developer runs: set-up, server and page together, releases."""
