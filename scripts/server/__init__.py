"""The server's process: settings, start, readiness, draining, stop."""
