"""Commands for developers: set-up, server and page together, workflow jobs, releases."""
