"""A server of the soak's own, on free ports, and what its processes have in use."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from scripts.server import probes, settings
from scripts.server.ports import free_ports
from scripts.store import paths

START_SECONDS = 90.0
STOP_SECONDS = 15.0
MIB = 1 << 20


class Server(NamedTuple):
    """A running server."""

    settings: settings.Settings
    process: psutil.Process

    def use(self) -> dict[str, float]:
        """Return what is in use now.

        Raises:
            psutil.Error: a process ended meanwhile.
        """
        everything = self.process.children(recursive=True)
        java = [process for process in everything if process.name() == "java"]
        python = [process for process in everything if process not in java]
        return {
            "java": sum(process.memory_info().rss for process in java) / MIB,
            "workers": sum(process.memory_info().rss for process in python) / MIB,
            "descriptors": sum(process.num_fds() for process in everything),
            "threads": sum(process.num_threads() for process in everything),
        }


@contextmanager
def running(log: Path) -> Iterator[Server]:
    """Serve DoubleIt on free ports; what the server prints goes to `log`.

    Raises:
        TimeoutError: it does not answer.
    """
    ports = free_ports()
    own = settings.read("doubleit", "1.0", {**os.environ, **ports})
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "scripts.server"],
            cwd=paths.ROOT,
            env={**os.environ, **ports},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _ready(own):
            if process.poll() is not None or time.monotonic() > deadline:
                raise TimeoutError(f"the server does not answer, {log} says why")
            time.sleep(0.1)
        yield Server(own, psutil.Process(process.pid))
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        process.kill()
        process.wait()


def _ready(own: settings.Settings) -> bool:
    """Say whether every worker answers."""
    try:
        workers = [w for version in probes.describe(own) for w in version["workers"]]
    except probes.Unregistered:
        return False
    return bool(workers) and all(worker["status"] == "READY" for worker in workers)
