"""Waiting until a version has completed all of its requests.

TorchServe never responds to the requests that a version still has when it is unregistered. Its
management API counts the requests in the queue, not those in a worker. A worker holds a lock on a
file while it processes a batch (handler/in_flight.py), and the kernel lists the holders of locks.
"""

import time
from pathlib import Path

import psutil

from server.client import Client, VersionInfo
from server.versions import registered

LOCKS = Path("/proc/locks")
# Set by server/__main__.py and read by handler/in_flight.py.
LOCK_VARIABLE = "IN_FLIGHT_LOCK"
# On its way to the worker and back to the client a request is briefly in neither place.
QUIET_SECONDS = 0.5
POLL_SECONDS = 0.05


def wait(client: Client, version: str, limit: float) -> bool:
    """Wait until `version` has no request left; return False if `limit` seconds were not enough.

    If the workers' locks cannot be seen (another machine, a container, not Linux), a request may be
    in a worker for the version's responseTimeout, after which TorchServe kills the worker.
    """
    deadline = time.monotonic() + limit
    quiet_since = None
    asked: dict[str, int] | None = None
    while (now := time.monotonic()) < deadline:
        versions = registered.read(client)
        described = versions.get(version)
        working = busy(described)
        before, asked = asked, registered.requests_by_version(client)
        # Requests whose URL leads to the version may come and go between two polls.
        labels = {version} if version != versions.default else {version, registered.UNVERSIONED}
        newly_asked = bool(
            before and asked and any(asked.get(label) != before.get(label) for label in labels)
        )
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
    """Return whether a worker of the version holds a lock; None if that cannot be seen."""
    pids = {worker.pid for worker in version.workers if worker.pid > 0}
    if not all(_locks(pid) for pid in pids):
        return None
    try:
        lines = [line.split() for line in LOCKS.read_text().splitlines()]
    except OSError:
        return None
    # "1: FLOCK ADVISORY READ 4711 fe:00:2154561 0 EOF"; "1: -> FLOCK" waits for a lock.
    return any(line[1] == "FLOCK" and int(line[4]) in pids for line in lines)


def _locks(pid: int) -> bool:
    """Return whether the process is a worker on this machine that locks a file."""
    try:
        return LOCK_VARIABLE in psutil.Process(pid).environ()
    except psutil.Error:
        return False
