"""The server's processes: settings, start, readiness, draining and stop."""
