"""MLServer's types and codecs, which many V2 clients use."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from server.store.paths import ROOT
from tests.support.server import Server

PYTHON = ROOT / "build" / "mlserver" / "bin" / "python"


@pytest.fixture(scope="module")
def got(server: Server) -> dict[str, Any]:
    if not (PYTHON.parent.parent / ".ready").exists():
        pytest.skip("MLServer is not installed: make contract installs it into build/mlserver")
    script = ROOT / "tests" / "contract" / "mlserver_client.py"
    done = subprocess.run([PYTHON, script, server.url], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


@pytest.mark.parametrize(
    "dtype",
    ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "float32", "float64"],
)
def test_every_datatype_comes_back_doubled(got: dict[str, Any], dtype: str) -> None:
    assert got[dtype] == [dtype, dtype, [[0, 2, 4], [6, 8, 10]]]


def test_a_request_of_the_codec_for_whole_requests(got: dict[str, Any]) -> None:
    assert got["request"] == [[1.0], [4.0]]
