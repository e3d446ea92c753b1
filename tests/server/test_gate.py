"""The management API's proxy rejects requests that a web page in a local browser could send."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import psutil
import pytest
import requests

from server import gate, settings
from tests.support import raw
from tests.support.measuring import COVERAGE
from tests.support.server import Server
from tests.support.wait import wait_until

REGISTER = {"url": "doubleit-1.0.mar", "model_name": "stolen", "initial_workers": "1"}


@pytest.fixture(scope="module")
def server(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose gate is measured."""
    log = tmp_path_factory.mktemp("gate") / "log"
    with Server(store, log, environment=COVERAGE) as server:
        yield server


def models(server: Server) -> list[str]:
    listed = requests.get(f"{server.management}/models", timeout=10).json()["models"]
    return [model["modelName"] for model in listed]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},  # a sandboxed frame, a file
        {"Origin": "http://127.0.0.1:8501"},  # another program's page on this machine
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-origin", "Host": "attacker.example:8081"},
        {"Host": "attacker.example:8081"},  # a domain that resolves to 127.0.0.1
        {"Host": "attacker.example"},
    ],
)
def test_a_web_page_is_turned_away(server: Server, headers: dict[str, str]) -> None:
    for method, path in (
        *(("POST", "/models"), ("POST", "/workflows"), ("GET", "/models")),
        *(("PUT", "/models/doubleit"), ("DELETE", "/models/doubleit/1.0")),
        *(("PUT", "/models/doubleit/1.0/set-default"), ("OPTIONS", "/models/doubleit")),
    ):
        # A content type that a page may send without a preflight request.
        sent = {"Content-Type": "text/plain", **headers}
        url = server.management + path
        answer = requests.request(method, url, params=REGISTER, headers=sent, timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (403, 403)
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert models(server) == ["doubleit"]


@pytest.mark.parametrize(
    "headers",
    [
        *(
            {"Host": host}
            for host in ("127.0.0.1:8081", "localhost:8081", "localhost", "[::1]:8081")
        ),
        # Someone opens the URL in a browser.
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_programs_on_this_machine_are_let_in(server: Server, headers: dict[str, str]) -> None:
    answer = requests.get(f"{server.management}/models", headers=headers, timeout=10)
    assert answer.status_code == 200


def test_a_container_is_let_in_by_its_name_on_its_own_network() -> None:
    headers: Message[str, str] = Message()
    headers["Host"] = "torchserve:8081"
    assert gate.refusal(headers) is None


@pytest.mark.parametrize(
    "target",
    [
        "/models?url=doubleit-2.0.mar&model_name=doubleit&initial_workers=1&synchronous=true",
        "/models/?handler=handler.py:handle&url=doubleit-2.0.mar",
        "/workflows?url=flow.war",
    ],
)
def test_a_registration_from_the_store_is_let_in(target: str) -> None:
    assert not gate.outside_the_store(target, 0)
    assert gate.outside_the_store(target, 1)


@pytest.mark.parametrize(
    "target",
    [
        "/models?url=/tmp/model",  # a directory, which TorchServe would load
        "/models?url=%2Ftmp%2Fmodel",
        "/models?x=1;url=/tmp/model",  # Netty splits at the semicolon, other parsers do not
        "/models?x=1;url=a.mar&url=b.mar",
        "/models?url=a.mar&url=b.mar",
        "/models?url=a.mar#",
        "/models?url=a.mar+",
        "/models?url=..mar",
        "/models?url=.mar",
        "/models?url=",
        "/models?url=model",
        "/models?model_name=a",
        "/models",
        "/%6dodels?url=a.mar",
        "//models?url=a.mar",
        "http://x/models?url=a.mar",
        "/models/doubleit?url=a.mar",
    ],
)
def test_any_other_post_is_not(target: str) -> None:
    assert gate.outside_the_store(target, 0)


def test_torchserve_itself_has_no_management_port(server: Server) -> None:
    connections = psutil.Process(server.java_pid()).net_connections("tcp")
    listening = {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}
    assert server.ports["PORT"] in listening
    assert server.ports["MANAGEMENT_PORT"] not in listening


def test_a_connection_is_kept_alive_and_errors_pass_through(server: Server) -> None:
    with requests.Session() as session:
        for _ in range(3):
            missing = session.get(f"{server.management}/models/other", timeout=10)
            assert missing.status_code == 404
            assert missing.json()["type"] == "ModelNotFoundException"
            assert session.get(f"{server.management}/models/doubleit", timeout=10).ok


def test_a_client_that_sends_no_http_affects_no_other(server: Server) -> None:
    for noise in (b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b"A" * 70_000):
        with socket.create_connection(("127.0.0.1", server.ports["MANAGEMENT_PORT"])) as client:
            client.sendall(noise)
    assert models(server) == ["doubleit"]


@pytest.mark.parametrize(
    ("request_line", "header", "status"),
    [
        ("GET /models/\u00e9", "X: 1", 404),
        ("GET /models/\u00e9/\x7f?\x01=\u00ff", "X: 1", 404),
        ("POST /models?url=\u00e9.mar", "X: 1", 400),
        ("GET /models", f"Content-Length: {'9' * 5_000}", 413),
        ("GET /models", f"Content-Length: 0{'0' * 5_000}", 413),
        ("POST /models", f"Content-Length: {1 << 30}", 413),
        ("POST /models", "Content-Length: many", 411),
        ("POST /models", "Transfer-Encoding: chunked", 411),
        ("GET /models", "Content-Length: -1", 411),
        ("GET /models", "Content-Length: \u00b2", 411),
    ],
)
def test_an_odd_request_is_answered(
    server: Server, request_line: str, header: str, status: int
) -> None:
    with raw.connect(server.ports["MANAGEMENT_PORT"]) as client:
        message = f"{request_line} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n"
        client.sendall(message.encode("latin-1"))
        answer = raw.read(client.makefile("rb"))
    assert answer
    assert answer.status == status


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"GET /models HTTP/1.1\r\nHost: localhost\r\n",
        raw.request(bytes(gate.MAX_BODY_BYTES), "/models/x").replace(b"POST", b"PUT")[:-1],
    ],
    ids=["nothing", "headers", "a body"],
)
def test_unfinished_requests_block_no_other_client(server: Server, beginning: bytes) -> None:
    port = server.ports["MANAGEMENT_PORT"]
    assert server.process
    supervisor = psutil.Process(server.process.pid)
    before = supervisor.num_fds()
    with requests.Session() as used, contextlib.ExitStack() as stack:
        assert used.get(f"{server.management}/models", timeout=10).ok
        for _ in range(3 * gate.MAX_CONNECTIONS):
            client = stack.enter_context(raw.connect(port))
            # The gate closes it while it sends.
            with contextlib.suppress(OSError):
                client.sendall(beginning)
        # Works for new clients, and for a client that reconnects because its connection was closed.
        assert models(server) == ["doubleit"]
        assert used.get(f"{server.management}/models", timeout=10).ok
        most = before + gate.MAX_CONNECTIONS + 5
        wait_until(lambda: supervisor.num_fds() <= most, "the end of idle connections")


def test_without_torchserve_the_gate_returns_502(server: Server, tmp_path: Path) -> None:
    own = settings.read("doubleit", "1.0", {**server.environment, "MANAGEMENT_PORT": "1"})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = own._replace(variables={**own.variables, "MANAGEMENT_PORT": str(port)})
    with gate.Gate(own, tmp_path):
        answer = requests.get(f"http://127.0.0.1:{port}/models", timeout=10)
    assert answer.status_code == 502
    assert "TorchServe does not answer" in answer.json()["message"]


def test_where_there_are_no_socket_files_torchserve_keeps_its_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with gate.Gate(settings.read("doubleit", "1.0", {}), tmp_path) as opened:
        assert opened.variables == {}
