"""Forwarded connections transfer all bytes in both directions and end like the originals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from server.store.paths import ROOT
from tests.support.measuring import COVERAGE
from tests.support.server import free_port


@contextmanager
def forwarding(target: int) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run the forwarder; yield its port and process."""
    port = free_port()
    command = [sys.executable, "-m", "server.forward", str(port), "127.0.0.1", str(target)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **COVERAGE},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == f"forward: port {port} leads to 127.0.0.1:{target}\n"
        try:
            yield port, process
        finally:
            process.kill()


def echo(listener: socket.socket) -> None:
    """Accept one connection, read to its end, and send the bytes back in reverse order."""
    connection, _ = listener.accept()
    with connection:
        data = b"".join(iter(lambda: connection.recv(65536), b""))
        connection.sendall(data[::-1])


def test_bytes_go_both_ways_until_sigterm_and_an_end_is_passed_on() -> None:
    data = bytes(range(256)) * 4096
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=echo, args=(listener,))
        thread.start()
        with (
            forwarding(listener.getsockname()[1]) as (port, process),
            socket.create_connection(("127.0.0.1", port), 10) as client,
        ):
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            assert b"".join(iter(lambda: client.recv(65536), b"")) == data[::-1]
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        thread.join(60)


def test_a_target_that_is_away_closes_the_connection_and_is_named() -> None:
    target = free_port()
    with forwarding(target) as (port, process):
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            assert client.recv(1) == b""
        assert process.stderr
        assert f"forward: 127.0.0.1:{target}: " in process.stderr.readline()
