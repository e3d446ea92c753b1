"""Letting requests in flight finish before TorchServe is stopped, because it cuts them off.

A request is either in TorchServe's queue, whose length the management API returns, or in a worker,
which holds a lock meanwhile (handler/in_flight.py). On its way between the two, and back to the
client, it is briefly in neither, so the server has to be idle for a while.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from server.client import Client, ClientError, Unreachable

# How long no request has to be in flight.
QUIET_SECONDS = 0.25
# Platforms send SIGKILL 10 seconds after SIGTERM.
LIMIT_SECONDS = 8.5
POLL_SECONDS = 0.02


class Drain:
    """Waits until a server has completed all requests. Use as a context manager.

    The lock's file is opened at the start: when the server is stopped there may be no descriptor
    left.
    """

    def __init__(self, client: Client, lock: Path) -> None:
        """Open `lock`, the file that workers lock while they process a batch."""
        self._client = client
        self._descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def __enter__(self) -> Drain:
        """Return this object."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the lock's file."""
        os.close(self._descriptor)

    def wait(self, limit: float = LIMIT_SECONDS) -> bool:
        """Wait until no request is in flight; return False if `limit` seconds were not enough.

        TorchServe accepts requests until it ends, and those that arrive meanwhile are completed
        too. A platform sends none after SIGTERM.
        """
        deadline = time.monotonic() + limit
        quiet_since = None
        while (now := time.monotonic()) < deadline:
            if self._busy() or self._queued():
                quiet_since = None
            elif quiet_since is None:
                quiet_since = now
            elif now - quiet_since >= QUIET_SECONDS:
                return True
            time.sleep(POLL_SECONDS)
        return False

    def _busy(self) -> bool:
        """Return whether a worker holds the lock."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return False

    def _queued(self) -> bool:
        """Return whether a version has requests in its queue."""
        try:
            versions = self._client.versions(timeout=1.0).values()
        except Unreachable:
            # Not known, as when this process has no descriptor left for a connection.
            return True
        except ClientError:
            return False
        return any(version.job_queue_status.pending_requests > 0 for version in versions)
