"""A server with one worker and a slow model."""

from pathlib import Path

from scripts.model import archiver
from server.versions import idle
from server.versions.registered import read
from tests.support import models
from tests.support.operators import ONE_WORKER
from tests.support.server import Server
from tests.support.wait import wait_until


def slow_server(store: Path, response_timeout: int) -> Server:
    """Return a server whose model takes longer for requests that start with a negative number."""
    model = models.save(models.Slow(), store / "slow.pt", f"responseTimeout: {response_timeout}\n")
    archiver.package(model, "slow", "1.0", model.with_suffix(".yaml"), store)
    return Server(store, store / "log", "slow", environment=ONE_WORKER)


def wait_busy(server: Server, version: str = "1.0") -> None:
    """Wait until a worker of the version is busy."""
    wait_until(lambda: idle.busy(read(server.client).get(version)), "a worker that is busy")


def queued(server: Server) -> int:
    """Return how many requests wait for a worker."""
    return read(server.client).get("1.0").job_queue_status.pending_requests
