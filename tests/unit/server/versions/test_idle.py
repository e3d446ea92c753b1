"""Detecting that a version still has requests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server.client import Addresses, Client, Queue, VersionInfo, WorkerInfo
from server.versions import idle
from server.versions.registered import COUNTER

# Locks a file as a worker does while it processes a batch.
LOCKS = """
import fcntl, os, sys
file = open(os.environ["IN_FLIGHT_LOCK"], "w")
for operation in (fcntl.LOCK_SH, fcntl.LOCK_UN):
    fcntl.flock(file, operation)
    print(flush=True)
    sys.stdin.readline()
"""


class Version(Client):
    """A client of a server with one version, the default, with one worker."""

    def __init__(self, pid: int, *, pending: int = 0, requests: int = 0) -> None:
        super().__init__(Addresses("m", *["http://127.0.0.1:1"] * 3))
        worker = WorkerInfo("9000", pid, "READY", datetime.now(UTC))
        queue = Queue(pending)
        self.info = VersionInfo("m", "1.0", "m.mar", 1, 1, 1, 1, 1, [worker], queue)
        # How many requests arrive between two polls.
        self.requests, self.count = requests, 0

    def versions(self, *_: object, **__: object) -> dict[str, VersionInfo]:
        return {"1.0": self.info}

    def default_version(self, *_: object, **__: object) -> str:
        return "1.0"

    def metrics(self, *_: object, **__: object) -> str:
        self.count += self.requests
        labels = 'model_name="m",model_version="default"'
        return f"# TYPE {COUNTER} counter\n{COUNTER}{{{labels}}} {self.count}\n"


def test_a_version_is_idle_once_its_worker_has_no_lock(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LOCKS],
        env={**os.environ, "IN_FLIGHT_LOCK": str(tmp_path / "lock")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as worker:
        assert worker.stdin
        assert worker.stdout
        worker.stdout.readline()
        version = Version(worker.pid)
        assert idle.busy(version.info)
        assert not idle.wait(version, "1.0", limit=2 * idle.QUIET_SECONDS)
        worker.stdin.write(b"\n")
        worker.stdin.flush()
        worker.stdout.readline()
        assert idle.busy(version.info) is False
        began = time.monotonic()
        assert idle.wait(version, "1.0", limit=60)
        assert time.monotonic() - began >= idle.QUIET_SECONDS
        # Requests in the queue, and those that come and go between two polls.
        limit = 2 * idle.QUIET_SECONDS
        assert not idle.wait(Version(worker.pid, pending=1), "1.0", limit)
        assert not idle.wait(Version(worker.pid, requests=1), "1.0", limit)
        worker.stdin.close()


@pytest.mark.parametrize("pid", [os.getpid(), 2**22 + 1], ids=["this process", "none"])
def test_where_locks_cannot_be_seen_the_response_timeout_passes(pid: int) -> None:
    version = Version(pid)
    assert idle.busy(version.info) is None
    assert not idle.wait(version, "1.0", limit=2 * idle.QUIET_SECONDS)
    assert idle.wait(version, "1.0", limit=60)
