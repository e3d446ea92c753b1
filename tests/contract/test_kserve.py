"""KServe's Python clients: V1, V2 over HTTP, and V2 over gRPC."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from server.store.paths import ROOT
from tests.support.server import Server

PYTHON = ROOT / "build" / "kserve" / "bin" / "python"


def ask(server: str, ports: Mapping[str, object]) -> dict[str, Any]:
    """Return the responses that KServe's clients get from a server at a URL, or skip the test."""
    if not (PYTHON.parent.parent / ".ready").exists():
        pytest.skip("KServe's client is not installed: make contract installs it into build/kserve")
    script = ROOT / "tests" / "contract" / "kserve_client.py"
    command = [str(PYTHON), str(script), server, f"127.0.0.1:{ports['GRPC_PORT']}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


@pytest.fixture(scope="module")
def got(server: Server) -> dict[str, Any]:
    return ask(server.url, server.ports)


def test_v1(got: dict[str, Any]) -> None:
    assert got["v1"] == {"predictions": [[2, 4], [1.0]]}


def test_v2(got: dict[str, Any]) -> None:
    assert got["int64"] == ["7", [1, 2], [[2 * (2**53 + 1), 4]]]
    assert got["fp32"] == ["7", [2], [1.0, 3.0]]


def test_binary_tensors_and_grpc_give_the_same(got: dict[str, Any]) -> None:
    assert got["binary"] == got["int64"]
    for name in ("int64", "fp32", "binary"):
        assert got[f"grpc {name}"] == got[name]


def test_errors_say_what_to_do(got: dict[str, Any]) -> None:
    assert got["bad"] == [400, "Expected a number, got str - at $.instances[0][0]"]


def test_health(got: dict[str, Any]) -> None:
    assert got["live"] == [True] * 3
    assert got["ready"] == [True] * 4
    assert got["server ready"]
    assert not got["unknown"]
