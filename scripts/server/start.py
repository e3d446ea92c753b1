"""Waiting for a server to answer, and noticing at once when it never will."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from typing import Any

from scripts.server import probes
from scripts.server.settings import Settings
from scripts.server.watch import Watch

POLL_SECONDS = 0.02
# Seconds that a start may take: TorchServe's own, and a model's startupTimeout.
LIMIT_SECONDS = 90.0


class StartError(Exception):
    """The server will not answer; the message says why in one line."""


def wait_ready(
    settings: Settings,
    versions: Sequence[str],
    process: subprocess.Popen[bytes],
    limit: float = LIMIT_SECONDS,
) -> None:
    """Return once every version answers.

    Raises:
        StartError: TorchServe ended, a version was not registered, a worker died while it loaded
            the model, or `limit` seconds passed.
    """
    deadline = time.monotonic() + limit
    watch = Watch()
    waiting = list(versions)
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StartError(f"TorchServe ended while starting, exit status {process.returncode}")
        try:
            described = {d["modelVersion"]: d for d in probes.describe(settings)}
        except probes.Unregistered:
            described = {"": {}}
        if described:
            for version in list(waiting):
                if _answers(settings, version, described.get(version), watch):
                    waiting.remove(version)
        if not waiting:
            return
        time.sleep(POLL_SECONDS)
    raise StartError(f"{settings.model} {waiting[0]} does not answer after {limit:.0f} s")


def _answers(
    settings: Settings, version: str, described: dict[str, Any] | None, watch: Watch
) -> bool:
    """Say whether a version answers; raise StartError if it never will."""
    what = f"{settings.model} {version}"
    if described is None:
        raise StartError(f"TorchServe did not register {what}: its log says why")
    if any(watch.died(worker["id"], worker["pid"]) for worker in described["workers"]):
        raise StartError(f"a worker died while loading {what}: its log says why")
    loaded = any(worker["status"] == "READY" for worker in described["workers"])
    return loaded and probes.ready(settings, version)
