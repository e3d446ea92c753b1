"""MLServer's types and codecs, which many V2 clients use."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from server.store.paths import ROOT
from tests.support.server import Server

PYTHON = ROOT / "build" / "mlserver" / "bin" / "python"


def needs_mlserver() -> None:
    if not (PYTHON.parent.parent / ".ready").exists():
        pytest.skip("MLServer is not installed: make contract installs it into build/mlserver")


@pytest.fixture(scope="module")
def got(server: Server) -> dict[str, Any]:
    needs_mlserver()
    script = ROOT / "tests" / "contract" / "mlserver_client.py"
    done = subprocess.run([PYTHON, script, server.url], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


def test_every_datatype_comes_back_doubled(got: dict[str, Any]) -> None:
    kinds = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "float32", "float64")
    for dtype in kinds:
        assert got[dtype] == [dtype, dtype, [[0, 2, 4], [6, 8, 10]]]


def test_a_request_of_the_codec_for_whole_requests(got: dict[str, Any]) -> None:
    assert got["request"] == [[1.0], [4.0]]


def test_its_command_line(server: Server, tmp_path: Path) -> None:
    needs_mlserver()
    tensor = {"name": "x", "shape": [2], "datatype": "INT64"}
    requests = [{"id": str(n), "inputs": [{**tensor, "data": [n, 0]}]} for n in range(20)]
    (tmp_path / "in").write_text("".join(f"{json.dumps(each)}\n" for each in requests))
    command: list[str | Path] = [
        PYTHON.with_name("mlserver"),
        "infer",
        "-u",
        server.url.removeprefix("http://"),
    ]
    command += ["-m", "doubleit", "-i", tmp_path / "in", "-o", tmp_path / "out"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    doubled = sorted(answer["outputs"][0]["data"] for answer in answers)
    assert doubled == [[2 * n, 0] for n in range(20)]
