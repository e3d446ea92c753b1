"""Waiting until a version has answered all it was asked.

TorchServe never answers what a version still has when it is unregistered: those clients would wait
until they give up. Its management API counts requests that wait, not those that a worker has taken.
A worker holds a lock on a file as long as it works on a batch (handler/in_flight.py), and the
kernel says who holds locks.
"""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from scripts.server.client import Client, VersionInfo
from scripts.versions import metrics, registered

LOCKS = Path("/proc/locks")
# What handler/in_flight.py reads; scripts/server/__main__.py sets it.
LOCK_VARIABLE = "IN_FLIGHT_LOCK"
# A request is for moments in neither place: on its way to the worker, and back to the client.
QUIET_SECONDS = 0.5
POLL_SECONDS = 0.05


def wait(client: Client, version: str, limit: float) -> bool:
    """Wait until no request is left for `version`; False where `limit` seconds were not enough.

    Where the workers' locks cannot be seen (another machine, a container, not Linux), a request
    may be in a worker until TorchServe would kill it: the version's responseTimeout.
    """
    deadline = time.monotonic() + limit
    quiet_since = None
    asked: dict[str, int] | None = None
    while (now := time.monotonic()) < deadline:
        described = registered.read(client).get(version)
        working = busy(described)
        before, asked = asked, metrics.requests_by_version(client)
        # Clients that name the version may always be between two looks.
        newly_asked = bool(before and asked and asked.get(version) != before.get(version))
        if described.job_queue_status.pending_requests or working or newly_asked:
            quiet_since = None
        else:
            quiet_since = quiet_since or now
            unseen = described.response_timeout if working is None else 0.0
            if now - quiet_since >= QUIET_SECONDS + unseen:
                return True
        time.sleep(POLL_SECONDS)
    return False


def busy(version: VersionInfo) -> bool | None:
    """Say whether a worker of the version holds a lock; None where that cannot be seen."""
    pids = {worker.pid for worker in version.workers if worker.pid > 0}
    if not all(_locks(pid) for pid in pids):
        return None
    try:
        lines = [line.split() for line in LOCKS.read_text().splitlines()]
    except OSError:
        return None
    # "1: FLOCK ADVISORY READ 4711 fe:00:2154561 0 EOF"; "1: -> FLOCK" is one that waits.
    return any(line[1] == "FLOCK" and int(line[4]) in pids for line in lines)


def _locks(pid: int) -> bool:
    """Say whether the process is a worker on this machine that was told to lock a file."""
    try:
        return LOCK_VARIABLE in psutil.Process(pid).environ()
    except psutil.Error:
        return False
