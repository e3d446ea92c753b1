"""Detecting that a version still has requests."""

import itertools
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server.client import Addresses, Client, Queue, VersionInfo, WorkerInfo
from server.versions import idle, registered
from server.versions.registered import UNVERSIONED, Registered

CLIENT = Client(Addresses("m", *["http://127.0.0.1:1"] * 3))
# Locks a file as a worker does while it processes a batch.
LOCKS = """
import fcntl, os, sys
file = open(os.environ["IN_FLIGHT_LOCK"], "w")
for operation in (fcntl.LOCK_SH, fcntl.LOCK_UN):
    fcntl.flock(file, operation)
    print(flush=True)
    sys.stdin.readline()
"""


def serve(
    monkeypatch: pytest.MonkeyPatch, pid: int, *, pending: int = 0, requests: int = 0
) -> VersionInfo:
    """Make a version with one worker the only one; `requests` arrive between two polls."""
    worker = WorkerInfo("9000", pid, "READY", datetime.now(UTC))
    version = VersionInfo("m", "1.0", "m.mar", 1, 1, 1, 1, 1, [worker], Queue(pending))
    found, counts = Registered("1.0", {"1.0": version}), itertools.count(step=requests)
    monkeypatch.setattr(registered, "read", lambda _: found)
    monkeypatch.setattr(registered, "requests_by_version", lambda _: {UNVERSIONED: next(counts)})
    return version


def test_a_version_is_idle_once_its_worker_has_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LOCKS],
        env={**os.environ, "IN_FLIGHT_LOCK": str(tmp_path / "lock")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as worker:
        assert worker.stdin
        assert worker.stdout
        worker.stdout.readline()
        version = serve(monkeypatch, worker.pid)
        assert idle.busy(version)
        assert not idle.wait(CLIENT, "1.0", limit=2 * idle.QUIET_SECONDS)
        worker.stdin.write(b"\n")
        worker.stdin.flush()
        worker.stdout.readline()
        assert idle.busy(version) is False
        began = time.monotonic()
        assert idle.wait(CLIENT, "1.0", limit=60)
        assert time.monotonic() - began >= idle.QUIET_SECONDS
        # Requests in the queue, and those that come and go between two polls.
        for requests in ({"pending": 1}, {"requests": 1}):
            serve(monkeypatch, worker.pid, **requests)
            assert not idle.wait(CLIENT, "1.0", limit=2 * idle.QUIET_SECONDS)
        worker.stdin.close()


@pytest.mark.parametrize("pid", [os.getpid(), 2**22 + 1], ids=["this process", "none"])
def test_where_locks_cannot_be_seen_the_response_timeout_passes(
    monkeypatch: pytest.MonkeyPatch, pid: int
) -> None:
    assert idle.busy(serve(monkeypatch, pid)) is None
    assert not idle.wait(CLIENT, "1.0", limit=2 * idle.QUIET_SECONDS)
    assert idle.wait(CLIENT, "1.0", limit=60)
