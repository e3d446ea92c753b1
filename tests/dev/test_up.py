from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import requests

from scripts.model import archiver
from server.ports import free_ports
from server.settings import PORTS
from server.store.paths import ROOT
from tests.frontend.session import Session
from tests.support.measuring import COVERAGE
from tests.support.page import healthy
from tests.support.server import ANNOUNCEMENT
from tests.support.wait import wait_until


class Up:
    """`python -m scripts.dev.up` on free ports."""

    def __init__(self, store: Path, log: Path, output: int = 0, **environment: str) -> None:
        ports = free_ports([*PORTS, "UI_PORT"])
        self.log = log
        self.ports = [int(port) for port in ports.values()]
        self.api = f"http://127.0.0.1:{ports['PORT']}"
        self.page = f"http://127.0.0.1:{ports['UI_PORT']}"
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "scripts.dev.up"],
                cwd=ROOT,
                env={**os.environ, **COVERAGE, **ports, "MODEL_STORE": str(store), **environment},
                stdout=output or out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def nothing_listens(self) -> bool:
        return not any(map(listens, self.ports))

    def stop(self, number: signal.Signals) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(60)


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_an_unusable_port_is_a_one_line_error(tmp_path: Path) -> None:
    up = Up(tmp_path, tmp_path / "log", PORT="many")
    assert up.process.wait(60) == 1
    assert up.log.read_text() == "up: PORT=many is not a port\n"


def test_the_page_ends_with_a_server_that_cannot_start(tmp_path: Path) -> None:
    up = Up(tmp_path / "no-model-store", tmp_path / "log")
    assert up.process.wait(60) == 1
    assert "up: the server exited unexpectedly" in up.log.read_text()
    assert up.nothing_listens()


def test_server_and_page_start_together_and_stop_on_one_signal(
    torchscript: Path, tmp_path: Path
) -> None:
    for name in ("other", "second"):
        archiver.package(torchscript, name, "1.0", archiver.CONFIG, tmp_path)
    up = Up(tmp_path, tmp_path / "log", BACKEND_MODEL="other,second")
    try:
        wait_until(lambda: up.process.poll() is not None or healthy(up.page), "the page")
        wait_until(lambda: ANNOUNCEMENT in up.log.read_text(), "the server's start")
        for name in ("other", "second"):
            assert requests.get(f"{up.api}/predictions/{name}/1.0/ready", timeout=30).ok
        with Session(up.page) as session:
            assert session.elements["heading"][0].body == "other"
    finally:
        status = up.stop(signal.SIGTERM)
    assert status == 0
    assert up.nothing_listens()
    assert "Traceback" not in up.log.read_text()


def test_a_full_pipe_keeps_nothing_from_ending(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write, bytes(4096))
    os.set_blocking(write, True)
    up = Up(tmp_path / "none", tmp_path / "log", write)
    assert up.process.wait(60) == 1
    os.close(read)
    os.close(write)
