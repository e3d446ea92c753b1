"""Tells whoever stops the server that this worker is busy.

TorchServe cuts requests off when it is told to stop and has no figure for how many are in a worker.
So each worker holds a shared lock on one file for as long as it works on a batch; the process that
supervises the server waits until it gets the lock for itself.
"""

from __future__ import annotations

import fcntl
import os
from types import TracebackType

# The file's path, set by the supervisor. Unset, nobody waits and nothing is locked.
VARIABLE = "IN_FLIGHT_LOCK"


class InFlight:
    """A context manager that is held while a batch is worked on."""

    def __init__(self) -> None:
        """Open the lock file, if there is to be one."""
        path = os.environ.get(VARIABLE)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) if path else None

    def __enter__(self) -> None:
        """Say busy."""
        if self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_SH)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Say idle."""
        if self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
