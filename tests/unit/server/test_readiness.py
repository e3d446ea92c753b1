"""Detection of a worker's death, and of a server's."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from server import readiness
from server.client import Addresses, Client
from server.readiness import Watch


def test_a_worker_that_runs_has_not_died() -> None:
    watch = Watch()
    assert not watch.died("9000", -1)
    assert not watch.died("9000", os.getpid())
    assert not watch.died("9000", os.getpid())


def test_a_death_is_noticed_before_torchserve_reports_it() -> None:
    watch = Watch()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert not watch.died("9000", process.pid)
    process.communicate()
    assert watch.died("9000", process.pid)


def test_a_new_process_means_that_the_first_died() -> None:
    watch = Watch()
    assert not watch.died("9000", os.getpid())
    assert not watch.died("9001", os.getppid())
    assert watch.died("9000", os.getppid())


def test_a_process_that_cannot_be_seen_from_here_has_not_died() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    watch = Watch()
    assert not watch.died("9000", process.pid)
    assert not watch.died("9000", process.pid)


def test_a_server_that_is_gone_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "SILENT_SECONDS", 0.05)
    gone = Client(Addresses("m", *["http://127.0.0.1:1"] * 3))
    with pytest.raises(readiness.NotReady, match="no server responds at http://127.0.0.1:1/"):
        readiness.wait({gone: ["1.0"]})
