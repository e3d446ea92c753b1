"""Letting requests in flight finish before TorchServe is told to stop: it cuts them off at once.

A request waits in TorchServe's queue, which the management API counts, or is in a worker, which
holds a lock (handler/in_flight.py). Between the two, and on the way back to the client, it is for
moments in neither; so the server must be found idle for a while.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from scripts.server import probes
from scripts.server.settings import Settings

# Seconds without a request in flight that count as idle.
QUIET_SECONDS = 0.25
# Platforms kill 10 seconds after SIGTERM.
LIMIT_SECONDS = 8.5
POLL_SECONDS = 0.02


def wait(settings: Settings, lock: Path, limit: float = LIMIT_SECONDS) -> bool:
    """Wait until no request is in flight; False where `limit` seconds were not enough.

    Requests that arrive meanwhile are answered too: nothing stops TorchServe from accepting them
    before it cuts all off. A platform sends none once it has said SIGTERM.
    """
    deadline = time.monotonic() + limit
    quiet_since = None
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while (now := time.monotonic()) < deadline:
            if _busy(fd) or _queued(settings):
                quiet_since = None
            elif quiet_since is None:
                quiet_since = now
            elif now - quiet_since >= QUIET_SECONDS:
                return True
            time.sleep(POLL_SECONDS)
    finally:
        os.close(fd)
    return False


def _busy(fd: int) -> bool:
    """Say whether a worker holds the lock."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False


def _queued(settings: Settings) -> bool:
    """Say whether a version has requests waiting."""
    try:
        versions = probes.describe(settings)
    except probes.Unregistered:
        return False
    return any(version["jobQueueStatus"]["pendingRequests"] > 0 for version in versions)
