"""Lets the supervisor see that this worker is processing a batch.

TorchServe aborts running requests when it is stopped, and it does not report how many there are.
Each worker therefore holds a shared lock on a file while it processes a batch. Before the
supervisor stops the server, it waits until it gets an exclusive lock on that file.
"""

import fcntl
import os

# The path of the lock file, set by the supervisor. If it is not set, nothing is locked.
VARIABLE = "IN_FLIGHT_LOCK"


class InFlight:
    """A context manager that holds the lock while a batch is processed."""

    def __init__(self) -> None:
        """Open the lock file if one is configured."""
        path = os.environ.get(VARIABLE)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) if path else None

    def __enter__(self) -> None:
        """Acquire the shared lock."""
        if self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_SH)

    def __exit__(self, *_: object) -> None:
        """Release the lock."""
        if self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
