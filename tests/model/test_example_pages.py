"""The commands in the README of each example work as shown, against one real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from tests.support.examples import EXAMPLES, commands, run, serve
from tests.support.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of all examples."""
    with serve(tmp_path_factory.mktemp("examples")) as server:
        yield server


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_goes_the_way_that_its_page_shows(server: Server, example: str) -> None:
    ran = 0
    for command, output in commands(example)[3:]:
        asked = command.replace("curl", "curl -s").replace("http://127.0.0.1:8080", server.url)
        assert run(asked, Path()) == output, command
        ran += 1
    assert ran >= 2


ROWS = np.array([[3, 0, 0, 4], [0, 2, 0, 0]], np.float32)
UNIT = [[0.6, 0.0, 0.0, 0.8], [0.0, 1.0, 0.0, 0.0]]


def test_an_exported_program_takes_every_format_and_no_size_beyond_its_own(server: Server) -> None:
    def bare(rows: Any) -> requests.Response:
        return server.post(json.dumps(rows.tolist()), "/predictions/scaled")

    def v1(rows: Any) -> requests.Response:
        return server.post(json.dumps({"instances": rows.tolist()}), "/v1/models/scaled:predict")

    def v2(rows: Any, binary: bool = False) -> requests.Response:
        tensor = {"name": "rows", "shape": rows.shape, "datatype": "FP32"}
        own = {"parameters": {"binary_data_size": rows.nbytes}} if binary else {}
        own = own or {"data": rows.reshape(-1).tolist()}
        head = json.dumps({"inputs": [{**tensor, **own}]}).encode()
        more = {"Inference-Header-Content-Length": str(len(head))} if binary else {}
        body = head + rows.tobytes() if binary else head
        return server.post(body, "/v2/models/scaled/infer", **more)

    def binary(rows: Any) -> requests.Response:
        return v2(rows, binary=True)

    def data(found: Any) -> Any:
        return found["outputs"][0]["data"]

    flat = [number for row in UNIT for number in row]
    for send, read, wanted in (
        (bare, list, UNIT),
        (v1, lambda found: found["predictions"], UNIT),
        (v2, data, flat),
        (binary, data, flat),
    ):
        assert read(send(ROWS).json()) == wanted
        assert send(np.ones((64, 4), np.float32)).status_code == 200
        refused = send(np.ones((65, 4), np.float32))
        assert refused.status_code == 400
        assert "Expected at most 64 in dimension 0 of rows, got 65" in refused.json()["message"]
