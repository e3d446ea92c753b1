"""The HTTP API of the real server."""

import json
from typing import Any

import psutil
import pytest
import requests

from tests.support.server import Server


@pytest.mark.parametrize(
    "path",
    [
        "/predictions/doubleit",
        "/predictions/doubleit/1.0",
        "/v1/models/doubleit:predict",
        "/v2/models/doubleit/infer",
    ],
)
def test_a_route_takes_any_format(server: Server, path: str) -> None:
    for body, answer in (
        ("[-0.0, 5e-324, 0.30000000000000004]", "[-0.0,1e-323,0.6000000000000001]"),
        ('{"instances": [[1, 2], [0.5]]}', '{"predictions":[[2,4],[1.0]]}'),
    ):
        response = server.post(body, path)
        assert (response.status_code, response.text) == (200, answer)
        assert response.headers["Content-Type"] == "application/json"


def test_a_body_at_the_limit_works_and_a_larger_one_is_a_413(server: Server) -> None:
    # The limits that the server derived from the available memory.
    variables = psutil.Process(server.java_pid()).environ()
    request, answer = (int(variables[f"MAX_{each}_BYTES"]) for each in ("REQUEST", "RESPONSE"))
    count = request // 2 - 2
    response = server.post(b"[%b7]" % (b"7," * count))
    assert response.status_code == 200, response.text[:200]
    assert response.content == b"[%b14]" % (b"14," * count)
    # Few digits become many, so the response is larger than TorchServe accepts from a worker.
    response = server.post(b"[%b9e14]" % (b"9e14," * (request // 5 - 2)))
    assert response.status_code == 413
    assert f"more than {answer}" in response.json()["message"]
    assert server.post("[" + " " * request + "]").status_code == 413
    assert server.post("[1]").text == "[2]"


def test_readiness_and_description(server: Server) -> None:
    ready = requests.get(f"{server.predictions}/1.0/ready", timeout=10)
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    described = requests.get(
        f"{server.management}/models/doubleit", params={"customized": "true"}, timeout=10
    ).json()
    details: dict[str, Any] = described[0]["customizedMetadata"]
    assert (details["name"], details["versions"]) == ("doubleit", ["1.0"])
    assert requests.get(f"{server.predictions}/1.0/metadata", timeout=10).json() == details
    invocations = f"{server.url}/invocations?model_name=doubleit&metadata=1"
    assert requests.get(invocations, timeout=10).json() == details


def test_the_log_is_json_lines(server: Server) -> None:
    lines = [line for line in server.output().splitlines() if line.startswith("{")]
    assert lines
    assert all(set(json.loads(line)) == {"time", "level", "logger", "message"} for line in lines)
