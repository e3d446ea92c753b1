"""Many clients that do not finish their requests, or do not read the responses, in 512 MiB."""

import contextlib
import socket
import time

import pytest

from server import memory
from tests.faults.conftest import MIB, fault, resident_mib
from tests.support import raw
from tests.support.server import Server

ENVIRONMENT = {"MEMORY": "512MiB"}
UPLOADS, READERS = 640, 320
LARGEST = memory.limits(512 * MIB, models=[MIB]).request
# It fits into a socket's buffers, so that no client waits for the server to read.
BODY = b"[1]".rjust(MIB)
assert len(BODY) < LARGEST
HEAD = raw.request(b"")[: -len(b"Content-Length: 0\r\n\r\n")]
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
# Requests that stay incomplete, by the name in docs/reliability.md.
UNFINISHED = {
    "uploads that lack a byte": raw.request(BODY)[:-1],
    "uploads that stop halfway": raw.request(BODY)[: -len(BODY) // 2],
    "uploads that stop after their headers": raw.request(BODY)[: -len(BODY)],
    "uploads that stop in 4000 headers": HEAD + b"a:\r\n" * 4000,
    "chunked uploads without an end": CHUNKED + b"%x\r\n%b\r\n" % (len(BODY), BODY),
    "chunked uploads in chunks of a byte": CHUNKED + b"1\r\n \r\n" * (len(BODY) // 20),
}
# What clients send whose responses they do not read.
UNREAD = {
    "large responses": raw.request(f"[{'1,' * (LARGEST // 4)}1.5]".encode()),
    "responses to 400 pipelined requests": raw.request(b"[1]") * 400,
    "responses to 2000 pipelined pings": b"GET /ping HTTP/1.1\r\n\r\n" * 2000,
}


def upload(port: int, beginning: bytes) -> socket.socket:
    client = raw.connect(port)
    # The server may close it meanwhile.
    with contextlib.suppress(OSError):
        client.sendall(beginning)
    return client


@pytest.mark.parametrize("kind", UNFINISHED)
def test_uploads_that_never_end(server: Server, kind: str) -> None:
    """The clients go on with a byte per second, and return when they are disconnected."""
    port, closed = server.ports["PORT"], 0
    with fault(f"{UPLOADS} {kind}, 512 MiB", server) as it:
        clients = [upload(port, UNFINISHED[kind]) for _ in range(UPLOADS)]
        for _ in range(5):
            time.sleep(1)
            for i, client in enumerate(clients):
                try:
                    client.sendall(b" ")
                except OSError:
                    client.close()
                    clients[i] = upload(port, UNFINISHED[kind])
                    closed += 1
        for client in clients:
            client.close()
        it.remark = f"{closed} closed; memory {resident_mib(server)} MiB"


@pytest.mark.parametrize("kind", UNREAD)
def test_responses_that_are_never_read(server: Server, kind: str) -> None:
    name = f"{READERS} clients that never read {kind}, 512 MiB"
    with fault(name, server) as it, contextlib.ExitStack() as stack:
        for _ in range(READERS):
            # A small buffer, so that most of the response stays in the server.
            client = stack.enter_context(raw.connect(server.ports["PORT"], buffer_bytes=2048))
            client.sendall(UNREAD[kind])
        time.sleep(5)
        it.remark = f"{resident_mib(server)} MiB"


def test_long_cookies_of_many_clients_are_accepted(server: Server) -> None:
    request = raw.request(b"[21]", headers={"Cookie": "c" * 7500})
    with contextlib.ExitStack() as stack:
        port = server.ports["PORT"]
        clients = [stack.enter_context(raw.connect(port, 60)) for _ in range(400)]
        for client in clients:
            client.sendall(request)
        assert [raw.ask(client).body for client in clients] == [b"[42]"] * len(clients)
