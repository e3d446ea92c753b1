"""Requests to the servers, and the checks of their responses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.bench.lineup import ALL, SELF, serving
from scripts.bench.networks import MLP, NETWORKS, TENSORS, Network
from scripts.bench.workloads import LISTS, PLAIN, ROWS, V2, ListFormat, Request

BINARY = MLP.v2_binary("/")


@pytest.mark.parametrize(
    ("list_format", "body", "answer"),
    [
        (PLAIN, [1, 2], [2, 4]),
        (ROWS, {"numbers": [[1, 2]]}, [[2, 4]]),
        (
            V2,
            {"inputs": [{"name": "numbers", "shape": [1, 2], "datatype": "INT64", "data": [1, 2]}]},
            {"outputs": [{"data": [2, 4]}]},
        ),
    ],
)
def test_a_right_answer_has_no_mistake(
    list_format: ListFormat, body: object, answer: object
) -> None:
    request = list_format.request("/", [1, 2])
    assert json.loads(request.body or b"") == body
    assert request.mistake(json.dumps(answer).encode()) == ""


@pytest.mark.parametrize("answer", [b"[2, 5]", b"[2]", b"[]", b'{"code": 503}'])
def test_a_wrong_answer_is_a_mistake(answer: bytes) -> None:
    assert "2 numbers were not doubled" in PLAIN.request("/", [1, 2]).mistake(answer)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"{}", b'{"outputs": []}'])
def test_a_response_in_another_format_is_a_mistake(answer: bytes) -> None:
    assert "does not have the expected format" in V2.request("/", [1, 2]).mistake(answer)


def response(request: Request, output: np.ndarray) -> bytes:
    """Return a response with `output` in the format of `request`."""
    if request is BINARY:
        return b'{"outputs": []}' + output.astype(np.float32).tobytes()
    body, listed = json.loads(request.body or b""), output.tolist()
    answer = listed if isinstance(body, list) else {"outputs": [{"data": listed}]}
    return json.dumps(answer).encode()


@pytest.mark.parametrize("request_", [MLP.lists("/"), MLP.v2("/"), BINARY])
def test_the_networks_own_output_is_right_and_another_is_not(request_: Request) -> None:
    assert request_.mistake(response(request_, MLP.output)) == ""
    wrong = request_.mistake(response(request_, MLP.output + 0.1))
    assert "is not the output of mlp" in wrong
    short = request_.mistake(response(request_, MLP.output[1:]))
    assert "does not have the expected format" in short


def test_every_format_carries_the_same_numbers() -> None:
    head = int(BINARY.headers["Inference-Header-Content-Length"])
    binary = np.frombuffer((BINARY.body or b"")[head:], np.float32)
    lists = json.loads(MLP.lists("/").body or b"")
    v2 = json.loads(MLP.v2("/").body or b"")["inputs"][0]["data"]
    for numbers in (binary, lists, v2):
        assert np.array_equal(np.ravel(numbers).astype(np.float32), MLP.input.ravel())


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_each_server_serves_the_network(network: Network, tmp_path: Path) -> None:
    network.path = tmp_path / f"{network.name}.pt"
    network.build()
    contenders = serving(network)
    assert contenders[0].name == SELF
    assert list(contenders[0].requests()) == [load.request for load in TENSORS]
    for contender in contenders:
        assert contender.variables["NETWORK"] == str(network.path)
        assert all(each.mistake(b"[]") for each in contender.requests().values())


def test_every_server_gets_the_first_load() -> None:
    assert all(LISTS[0].request in contender.requests() for contender in ALL)
