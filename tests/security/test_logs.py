"""The content of requests does not appear in the log, even if TorchServe itself fails on it."""

import socket
import struct

import pytest
import requests

from tests.support import raw
from tests.support.server import Server

SECRET = "hunter2hunter2"  # noqa: S105 (what must not be found)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "application/json"}, f'[1, "{SECRET}"]'),
        ({"Content-Type": "application/json"}, f"[1, {SECRET}"),
        ({"Authorization": f"Bearer {SECRET}", "Cookie": SECRET, "X-Api-Key": SECRET}, "[1]"),
        # Form bodies that cannot be decoded.
        (FORM, f"a=%zz{SECRET}"),
        (MULTIPART, f"--x\r\nContent-Disposition: form-data\r\n\r\n{SECRET}\r\n--x--\r\n"),
        (MULTIPART, f'--x\r\nContent-Disposition: form-data; name="{SECRET}\r\n\r\n1\r\n--x--'),
        ({"Content-Type": f"multipart/form-data; boundary={SECRET}"}, "[1]"),
    ],
)
def test_headers_and_bodies_are_in_no_log(
    server: Server, headers: dict[str, str], body: str
) -> None:
    requests.post(server.predictions, data=body, headers=headers, timeout=30)
    assert server.post("[1]").text == "[2]"
    assert SECRET not in server.output()


@pytest.mark.parametrize("path", [f"/%zz{SECRET}", f"/doubleit/predict?token={SECRET}%zz"])
def test_a_path_that_does_not_decode_is_in_no_log(server: Server, path: str) -> None:
    with raw.connect(server.ports["PORT"]) as client:
        assert raw.ask(client, raw.request(b"[1]", path)).status == 400
    assert SECRET not in server.output()


def test_a_client_that_hangs_up_leaves_no_line(server: Server) -> None:
    for _ in range(20):
        with raw.connect(server.ports["PORT"]) as client:
            client.sendall(raw.request(b"[1]")[:-1])
            # A reset, as the system sends for a client that was killed.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert server.post("[1]").text == "[2]"
    assert "NativeIoException" not in server.output()
