"""Forwarded connections transfer all bytes in both directions and end like the originals."""

import socket
import threading
from pathlib import Path

from tests.support.measuring import COVERAGE
from tests.support.program import Program
from tests.support.server import free_port
from tests.support.wait import wait_until


class Forwarder(Program):
    """Forwards connections to a port of this machine."""

    def __init__(self, log: Path, target: int) -> None:
        self.port = free_port()
        self.announcement = f"forward: port {self.port} leads to 127.0.0.1:{target}\n"
        super().__init__(log, COVERAGE, "server.forward", str(self.port), "127.0.0.1", str(target))

    def is_ready(self) -> bool:
        return self.output() == self.announcement


def echo(listener: socket.socket) -> None:
    """Accept one connection, read to its end, and send the bytes back in reverse order."""
    connection, _ = listener.accept()
    with connection:
        data = b"".join(iter(lambda: connection.recv(65536), b""))
        connection.sendall(data[::-1])


def test_bytes_go_both_ways_until_sigterm_and_an_end_is_passed_on(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=echo, args=(listener,))
        thread.start()
        with (
            Forwarder(tmp_path / "log", listener.getsockname()[1]) as forwarder,
            socket.create_connection(("127.0.0.1", forwarder.port), 10) as client,
        ):
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            assert b"".join(iter(lambda: client.recv(65536), b"")) == data[::-1]
            assert forwarder.stop() == 0
        thread.join(60)


def test_a_target_that_is_away_closes_the_connection_and_is_named(tmp_path: Path) -> None:
    target = free_port()
    with Forwarder(tmp_path / "log", target) as forwarder:
        with socket.create_connection(("127.0.0.1", forwarder.port), 10) as client:
            assert client.recv(1) == b""
        reason = f"forward: 127.0.0.1:{target}: "
        wait_until(lambda: reason in forwarder.output(), "the reason")
