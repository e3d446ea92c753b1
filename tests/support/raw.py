"""HTTP as bytes on a socket, for requests that client libraries do not send."""

import contextlib
import socket
from collections.abc import Mapping, Sequence
from typing import BinaryIO, NamedTuple

from tests.support.server import JSON

PATH = "/predictions/doubleit"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


def connect(port: int, timeout: float = 30, buffer_bytes: int = 0) -> socket.socket:
    """Return a connection to a port of this machine, with a receive buffer of another size."""
    client = socket.socket()
    if buffer_bytes:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    client.settimeout(timeout)
    try:
        client.connect(("127.0.0.1", port))
    except OSError:
        client.close()
        raise
    return client


def request(
    body: bytes,
    path: str = PATH,
    length: int | None = None,
    headers: Mapping[str, str] = JSON,
) -> bytes:
    """Return a POST request with `body`; `length` sets a wrong Content-Length."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return b"POST %b HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (
        *(path.encode(), lines.encode("latin-1")),
        *(len(body) if length is None else length, body),
    )


def read(stream: BinaryIO) -> Answer | None:
    """Read one response; return None if the server has closed the connection.

    Raises:
        OSError: the connection was reset, or the response took longer than the socket's timeout.
    """
    line = stream.readline()
    if not line:
        return None
    headers = {}
    while (header := stream.readline()) not in (b"\r\n", b""):
        name, _, value = header.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    return Answer(
        int(line.split()[1]), headers, stream.read(int(headers.get("content-length", "0")))
    )


def ask(client: socket.socket, request: bytes = b"") -> Answer:
    """Send a request, or the rest of one, and return its response."""
    client.sendall(request)
    with client.makefile("rb") as stream:
        answer = read(stream)
    assert answer, "the connection was closed"
    return answer


def pipeline(port: int, requests: Sequence[bytes]) -> list[Answer]:
    """Send requests at once; return the responses that arrive before the connection is closed."""
    answers: list[Answer] = []
    with connect(port) as client, contextlib.suppress(ConnectionError):
        client.sendall(b"".join(requests))
        with client.makefile("rb") as stream:
            while len(answers) < len(requests) and (answer := read(stream)):
                answers.append(answer)
    return answers
