"""KServe's Python clients: V1, V2 over HTTP, and V2 over gRPC."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from server.store.paths import ROOT
from tests.support.containers import output
from tests.support.server import Server


def environment(name: str) -> Path:
    """Return the folder of the programs in a client's own environment, or skip the test."""
    folder = ROOT / "build" / name
    if not (folder / ".ready").exists():
        pytest.skip(f"{name} is not installed: make contract installs it into build/{name}")
    return folder / "bin"


def printed(name: str, script: str, *arguments: object) -> str:
    """Return what a script prints in a client's own environment, or skip the test."""
    command = [environment(name) / "python", ROOT / "tests/contract" / script, *arguments]
    return output([*map(str, command)])


def ask(server: str, ports: Mapping[str, object]) -> dict[str, Any]:
    """Return the responses that KServe's clients get from a server at a URL, or skip the test."""
    text = printed("kserve", "kserve_client.py", server, f"127.0.0.1:{ports['GRPC_PORT']}")
    answers: dict[str, Any] = json.loads(text.splitlines()[-1])
    return answers


def test_every_client_gets_the_same_answers_and_health(server: Server) -> None:
    got = ask(server.url, server.ports)
    assert got["v1"] == {"predictions": [[2, 4], [1.0]]}
    for name in ("int64", "grpc int64", "binary", "grpc binary"):
        assert got[name] == ["7", [1, 2], [[2 * (2**53 + 1), 4]]]
    assert got["bad"] == [400, "Expected a number, got str - at $.instances[0][0]"]
    assert (got["live"], got["ready"]) == ([True] * 3, [True] * 4)
    assert got["server ready"]
    assert not got["unknown"]
