"""A web page in a browser on the server's machine can request predictions and nothing else.

The gate of the management port is tested in tests/server/test_gate.py.
"""

from __future__ import annotations

import contextlib

import pytest
import requests

from tests.support import raw
from tests.support.server import Server

# Requests that a browser sends for a page without a preflight request.
SIMPLE = [
    {"Origin": "https://attacker.example", "Content-Type": kind}
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    )
]


def registered(server: Server) -> list[str]:
    models = requests.get(f"{server.management}/models", timeout=10).json()["models"]
    return [model["modelName"] for model in models]


STOLEN = "url=doubleit-1.0.mar&model_name=stolen&initial_workers=2"


@pytest.mark.parametrize("headers", SIMPLE, ids=lambda headers: headers["Content-Type"])
@pytest.mark.parametrize("port", ["PORT", "MANAGEMENT_PORT", "METRICS_PORT"])
@pytest.mark.parametrize(
    "path", [f"/models?{STOLEN}", f"/workflows?{STOLEN}", "/models/doubleit?min_worker=9"]
)
def test_no_simple_request_changes_the_servers_state(
    server: Server, port: str, path: str, headers: dict[str, str]
) -> None:
    workers = server.worker_pids()
    url = f"http://127.0.0.1:{server.ports[port]}{path}"
    answer = requests.post(url, data="x", headers=headers, timeout=10)
    assert answer.status_code in (403, 404, 405)
    assert registered(server) == ["doubleit"]
    assert server.worker_pids() == workers


@pytest.mark.parametrize("port", ["PORT", "MANAGEMENT_PORT", "METRICS_PORT"])
@pytest.mark.parametrize("path", ["/models/doubleit", "/predictions/doubleit", "/metrics", "/"])
@pytest.mark.parametrize("method", ["OPTIONS", "GET"])
def test_no_preflight_is_granted_and_no_answer_can_be_read(
    server: Server, port: str, path: str, method: str
) -> None:
    headers = {
        "Origin": "https://attacker.example",
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Private-Network": "true",
    }
    url = f"http://127.0.0.1:{server.ports[port]}{path}"
    answer = requests.request(method, url, headers=headers, timeout=10)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("port", ["GRPC_PORT", "GRPC_MANAGEMENT_PORT"])
def test_grpc_does_not_speak_what_browsers_speak(server: Server, port: str) -> None:
    # Without TLS, browsers use HTTP/1.1, and gRPC requires HTTP/2.
    path = "/org.pytorch.serve.grpc.management.ManagementAPIsService/RegisterModel"
    with raw.connect(server.ports[port]) as client, client.makefile("rb") as stream:
        client.sendall(raw.request(b"\x00\x00\x00\x00\x00", path))
        received = b""
        with contextlib.suppress(OSError):
            received = stream.read()
    assert not received.startswith(b"HTTP/1")
    assert registered(server) == ["doubleit"]
