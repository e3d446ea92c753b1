"""What must not manage the server: places outside its model store, other ports, and web pages."""

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.support import raw
from tests.support.server import Server
from tests.support.web import respond_with


def state(server: Server) -> Any:
    models = requests.get(f"{server.management}/models", timeout=10).json()
    workflows = requests.get(f"{server.management}/workflows", timeout=10).json()
    return models, workflows, server.worker_pids()


@pytest.fixture
def unchanged(server: Server) -> Iterator[Server]:
    """A server with the same models and workers before and after the test."""
    before = state(server)
    yield server
    assert state(server) == before


def places(url: str, outside: Path, store: Path) -> list[str]:
    """Return where a server of an attacker, and a valid archive outside the store, may be named."""
    unpacked = outside.parent / "unpacked"
    with zipfile.ZipFile(outside) as archive:
        archive.extractall(unpacked)
    up = "../" * len(store.parts) + str(outside).lstrip("/")
    remote = (f"{url}/stolen.mar", f"jar:{url}/stolen.mar!/", "s3://bucket/stolen.mar")
    # TorchServe accepts any directory as a model.
    return [*remote, f"file://{outside}", str(outside), up, f"x/../{up}", str(unpacked), "."]


@pytest.mark.parametrize("path", ["models", "workflows"])
def test_no_url_and_no_path_outside_the_store_is_registered(
    unchanged: Server, store: Path, tmp_path: Path, path: str
) -> None:
    outside = tmp_path / "stolen-1.0.mar"
    outside.write_bytes((store / "doubleit-1.0.mar").read_bytes())
    requested: list[str] = []

    def respond(target: str) -> tuple[int, bytes]:
        requested.append(target)
        return 200, outside.read_bytes()

    url = f"{unchanged.management}/{path}"
    names = {"model_name": "stolen", "workflow_name": "stolen", "initial_workers": "1"}
    with respond_with(respond) as elsewhere:
        for place in places(elsewhere, outside, store):
            for sent in ("params", "json"):
                content: Any = {sent: {"url": place, **names}}
                answer = requests.post(url, **content, timeout=20)
                assert 400 <= answer.status_code < 500, (place, answer.text)
    assert requested == []


MANAGING = [
    *(("POST", "/models"), ("POST", "/workflows"), ("GET", "/models")),
    *(("PUT", "/models/doubleit"), ("PUT", "/models/doubleit/1.0")),
    *(("PUT", "/models/doubleit/1.0/set-default"), ("OPTIONS", "/models/doubleit")),
    *(("DELETE", "/models/doubleit"), ("DELETE", "/models/doubleit/1.0")),
]
REGISTER = {"url": "doubleit-1.0.mar", "model_name": "stolen", "initial_workers": "1"}


@pytest.mark.parametrize("port", ["PORT", "METRICS_PORT"])
def test_the_inference_and_metrics_ports_manage_nothing(unchanged: Server, port: str) -> None:
    for method, path in MANAGING:
        url = f"http://127.0.0.1:{unchanged.ports[port]}{path}"
        answer = requests.request(method, url, params=REGISTER, timeout=10)
        assert answer.status_code in (404, 405) or method == "OPTIONS", (method, path, answer.text)
    if port == "PORT":
        assert requests.get(f"{unchanged.url}/metrics", timeout=10).status_code == 404


def test_torchserve_itself_has_no_management_port(server: Server) -> None:
    connections = psutil.Process(server.java_pid()).net_connections("tcp")
    listening = {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}
    assert server.ports["PORT"] in listening
    assert server.ports["MANAGEMENT_PORT"] not in listening


def test_a_web_page_manages_nothing(unchanged: Server) -> None:
    # A browser sends this type for a page without a preflight request.
    headers = {"Origin": "https://attacker.example", "Content-Type": "text/plain"}
    for method, path in MANAGING:
        url = unchanged.management + path
        answer = requests.request(method, url, params=REGISTER, headers=headers, timeout=10)
        assert (answer.status_code, answer.json()["code"]) == (403, 403)


@pytest.mark.parametrize("port", ["PORT", "MANAGEMENT_PORT", "METRICS_PORT"])
@pytest.mark.parametrize("path", ["/models/doubleit", "/predictions/doubleit", "/metrics", "/"])
def test_no_preflight_is_granted_and_no_answer_can_be_read(
    server: Server, port: str, path: str
) -> None:
    headers = {
        "Origin": "https://attacker.example",
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Private-Network": "true",
    }
    url = f"http://127.0.0.1:{server.ports[port]}{path}"
    for method in ("OPTIONS", "GET"):
        answer = requests.request(method, url, headers=headers, timeout=10)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("port", ["GRPC_PORT", "GRPC_MANAGEMENT_PORT"])
def test_grpc_does_not_speak_what_browsers_speak(unchanged: Server, port: str) -> None:
    # Without TLS, browsers use HTTP/1.1, and gRPC requires HTTP/2.
    path = "/org.pytorch.serve.grpc.management.ManagementAPIsService/RegisterModel"
    with raw.connect(unchanged.ports[port]) as client, client.makefile("rb") as stream:
        client.sendall(raw.request(b"\x00\x00\x00\x00\x00", path))
        received = b""
        with contextlib.suppress(OSError):
            received = stream.read()
    assert not received.startswith(b"HTTP/1")
