"""Detection of a worker's death, of a server's, and of what a server cannot go on without."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import server.__main__ as server
from server import readiness
from server.client import Addresses, Client
from server.readiness import Watch
from server.torchserve.workers.pool import SOCKET


def test_a_workers_death_is_noticed_before_torchserve_reports_it_if_it_can_be_seen() -> None:
    watch, later = Watch(), Watch()
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert not watch.died("9000", -1)
    assert not watch.died("9000", process.pid)
    assert not watch.died("9000", process.pid)
    process.communicate()
    assert watch.died("9000", process.pid)
    # The processes of a server in a container cannot be seen from here.
    assert not later.died("9000", process.pid)
    assert not later.died("9000", process.pid)


def test_a_new_process_means_that_the_first_died() -> None:
    watch = Watch()
    assert not watch.died("9000", os.getpid())
    assert not watch.died("9001", os.getppid())
    assert watch.died("9000", os.getppid())


def test_what_is_gone_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "SILENT_SECONDS", 0.05)
    client = Client(Addresses("m", *["http://127.0.0.1:1"] * 3))
    with pytest.raises(readiness.NotReady, match="no server responds at http://127.0.0.1:1/"):
        readiness.wait({client: ["1.0"]})
    # TorchServe may have dropped the version.
    monkeypatch.setattr(client, "versions", lambda **_: {"2.0": None})
    with pytest.raises(readiness.NotReady, match="TorchServe did not register m 1.0: see"):
        readiness.wait({client: ["1.0"]})


@pytest.mark.parametrize("removed", ["models", SOCKET])
def test_a_server_ends_without_what_new_workers_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, removed: str
) -> None:
    monkeypatch.setattr(server, "POLL_SECONDS", 0)
    files = [tmp_path / name for name in ("models", SOCKET)]
    for file in files:
        file.touch()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        threading.Timer(0.1, (tmp_path / removed).unlink).start()
        with pytest.raises(server.TempRemoved, match=f"{removed} was removed, and no worker can"):
            server.supervise(process, tmp_path)
        process.communicate()
    with pytest.raises(readiness.NotReady, match="exited unexpectedly with status 1"):
        server.supervise(process, tmp_path)
