"""Waiting until a version's workers have loaded its model and really answer."""

from __future__ import annotations

import time

from scripts.server import probes
from scripts.server.watch import Watch
from scripts.versions.client import Management, VersionsError

POLL_SECONDS = 0.05
# Seconds beyond the version's startupTimeout: a worker's process starts and imports torch first.
STARTUP_SECONDS = 60.0


def wait(management: Management, version: str, workers: int) -> None:
    """Return once the version has `workers` workers, each has loaded the model, and it answers.

    Raises:
        VersionsError: a worker died meanwhile, or it takes longer than the version's
            startupTimeout allows.
    """
    server = management.server
    what = f"{server.model} {version}"
    watch = Watch()
    limit = management.describe().get(version).startup_timeout + STARTUP_SECONDS
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        described = management.describe().get(version)
        if any(watch.died(worker.id, worker.pid) for worker in described.workers):
            raise VersionsError(f"a worker died while loading {what}: the server's log says why")
        loaded = described.ready == len(described.workers) == workers
        if loaded and probes.ready(server, version):
            return
        time.sleep(POLL_SECONDS)
    raise VersionsError(f"{what} does not answer after {limit:.0f} s: the server's log says why")
