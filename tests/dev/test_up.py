import contextlib
import os
import socket
from pathlib import Path

import requests

from scripts.model import archiver
from server.ports import free_ports
from server.settings import PORTS
from tests.frontend.session import Session
from tests.support.measuring import COVERAGE
from tests.support.page import healthy
from tests.support.program import Program
from tests.support.server import ANNOUNCEMENT


class Up(Program):
    """`python -m scripts.dev.up` on free ports."""

    def __init__(self, store: Path, log: Path, **environment: str) -> None:
        ports = free_ports([*PORTS, "UI_PORT"])
        self.ports = [int(port) for port in ports.values()]
        self.api = f"http://127.0.0.1:{ports['PORT']}"
        self.page = f"http://127.0.0.1:{ports['UI_PORT']}"
        own = {**COVERAGE, **ports, "MODEL_STORE": str(store), **environment}
        super().__init__(log, own, "scripts.dev.up")

    def is_ready(self) -> bool:
        return ANNOUNCEMENT in self.output() and healthy(self.page)

    def nothing_listens(self) -> bool:
        return not any(map(listens, self.ports))


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_an_unusable_port_is_a_one_line_error(tmp_path: Path) -> None:
    up = Up(tmp_path, tmp_path / "log", PORT="many").start()
    assert up.process.wait(60) == 1
    assert up.output() == "up: PORT=many is not a port\n"


def test_the_page_ends_with_a_server_that_cannot_start(tmp_path: Path) -> None:
    up = Up(tmp_path / "no-model-store", tmp_path / "log").start()
    assert up.process.wait(60) == 1
    assert "up: the server exited unexpectedly" in up.output()
    assert up.nothing_listens()


def test_server_and_page_start_together_and_stop_on_one_signal(
    torchscript: Path, tmp_path: Path
) -> None:
    for name in ("other", "second"):
        archiver.package(torchscript, name, "1.0", archiver.CONFIG, tmp_path)
    with Up(tmp_path, tmp_path / "log", BACKEND_MODEL="other,second") as up:
        for name in ("other", "second"):
            assert requests.get(f"{up.api}/predictions/{name}/1.0/ready", timeout=30).ok
        with Session(up.page) as session:
            assert session.elements["heading"][0].body == "other"
        assert up.stop() == 0
    assert up.nothing_listens()
    assert "Traceback" not in up.output()


def test_a_full_pipe_keeps_nothing_from_ending(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, bytes(4096))
    assert Up(tmp_path / "none", pipe).start().process.wait(60) == 1
    os.close(reader)
    os.close(writer)
