"""The management API's proxy, in this process in front of a real server.

What it keeps from web pages, and from which places it registers nothing, is in tests/security.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from server import gate, settings
from tests.support import raw
from tests.support.server import Server, free_port
from tests.support.wait import wait_until


@pytest.fixture(scope="module")
def port(server: Server) -> Iterator[int]:
    """The port of a second proxy for the server that the tests share."""
    number = free_port()
    own = settings.read("doubleit", "1.0", {**server.environment, "MANAGEMENT_PORT": str(number)})
    temp = Path(psutil.Process(server.java_pid()).environ()["TEMP"])
    with gate.gate(own, temp):
        yield number


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"Origin": "https://attacker.example"}, True),
        ({"Origin": "null"}, True),  # a sandboxed frame, a file
        ({"Origin": "http://127.0.0.1:8501"}, True),  # another program's page on this machine
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Host": "attacker.example:8081"}, True),
        ({"Host": "attacker.example:8081"}, True),  # a domain that resolves to 127.0.0.1
        ({"Host": "attacker.example"}, True),
        *(
            ({"Host": host}, False)
            for host in ("127.0.0.1:8081", "localhost:8081", "localhost", "[::1]:8081")
        ),
        ({"Host": "torchserve:8081"}, False),  # a container's name on its own network
        # Someone opens the URL in a browser.
        ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, False),
    ],
)
def test_web_pages_are_refused_and_programs_are_not(headers: dict[str, str], refused: bool) -> None:
    assert bool(gate.refusal(headers)) is refused


@pytest.mark.parametrize(
    ("target", "outside"),
    [
        ("/models?url=doubleit-2.0.mar&model_name=doubleit&synchronous=true", False),
        ("/models/?handler=handler.py:handle&url=doubleit-2.0.mar", False),
        ("/workflows?url=flow.war", False),
        ("/models?x=1;url=/tmp/model", True),  # Netty splits at the semicolon, other parsers do not
        ("/models?x=1;url=a.mar&url=b.mar", True),
        ("/models?url=a.mar&url=b.mar", True),
        *((f"/models?url={url}", True) for url in ("a.mar#", "a.mar+", "..mar", ".mar", "model")),
        *((f"/models?url={url}", True) for url in ("%2e%2e/a.mar", "..\\a.mar", "HTTP:a.mar", "")),
        ("/models?model_name=a", True),
        ("/%6dodels?url=a.mar", True),
        ("//models?url=a.mar", True),
        ("http://x/models?url=a.mar", True),
        ("/models/doubleit?url=a.mar", True),
    ],
)
def test_only_archives_in_the_store_are_registered(target: str, outside: bool) -> None:
    assert gate.outside_the_store(target, 0) is outside
    assert gate.outside_the_store(target, 1)


@pytest.mark.parametrize(
    ("request_line", "header", "status"),
    [
        ("GET /models/\u00e9", "X: 1", 404),
        ("POST /models?url=\u00e9.mar", "X: 1", 400),
        ("GET /models", f"Content-Length: {'9' * 5_000}", 413),
        ("POST /models", f"Content-Length: {1 << 30}", 413),
        ("POST /models", "Content-Length: many", 411),
        ("POST /models", "Transfer-Encoding: chunked", 411),
        ("GET /models", "Content-Length: \u00b2", 411),
    ],
)
def test_an_odd_request_is_answered(port: int, request_line: str, header: str, status: int) -> None:
    message = f"{request_line} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n"
    with raw.connect(port) as client:
        assert raw.ask(client, message.encode("latin-1")).status == status


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"\x00\xff\r\n\r\n",
        b"A" * 70_000,
        b"GET /models HTTP/1.1\r\nHost: localhost\r\n",
        raw.request(bytes(gate.MAX_BODY_BYTES), "/models/x").replace(b"POST", b"PUT")[:-1],
    ],
    ids=["nothing", "no HTTP", "a long line", "headers", "a body"],
)
def test_unfinished_requests_block_no_other_client(port: int, beginning: bytes) -> None:
    this = psutil.Process()
    before = this.num_fds()
    with requests.Session() as used, contextlib.ExitStack() as stack:
        url = f"http://127.0.0.1:{port}/models"
        # A connection is kept alive, and errors pass through.
        missing = used.get(f"{url}/other", timeout=10)
        assert (missing.status_code, missing.json()["type"]) == (404, "ModelNotFoundException")
        assert used.get(url, timeout=10).ok
        for _ in range(3 * gate.MAX_CONNECTIONS):
            client = stack.enter_context(raw.connect(port))
            # The gate closes it while it sends.
            with contextlib.suppress(OSError):
                client.sendall(beginning)
        # Works for new clients, and for a client that reconnects because its connection was closed.
        assert requests.get(url, timeout=10).json()["models"][0]["modelName"] == "doubleit"
        assert used.get(url, timeout=10).ok
        # Both ends of the connections that are open, and the ends of the others that are here.
        most = before + 4 * gate.MAX_CONNECTIONS + 5
        wait_until(lambda: this.num_fds() <= most, "the end of idle connections")


def test_without_torchserve_the_gate_returns_502(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = settings.read("doubleit", "1.0", {"MANAGEMENT_PORT": str(free_port())})
    with gate.gate(own, tmp_path):
        answer = requests.get(f"{own.addresses.management}/models", timeout=10)
    assert answer.status_code == 502
    assert "TorchServe does not answer" in answer.json()["message"]
    # Where there are no socket files, TorchServe keeps its port.
    monkeypatch.setattr("sys.platform", "darwin")
    with gate.gate(own, tmp_path) as variables:
        assert variables == {}
