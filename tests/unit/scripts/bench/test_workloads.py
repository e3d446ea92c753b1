"""Requests to the servers, and the checks of their responses."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import service_pb2

from scripts.bench import workloads
from scripts.bench.lineup import SELF, contenders
from scripts.bench.workloads import LISTS, MLP, NETWORKS, Array, Encoder, Example, Workload

NUMBERS = Example("numbers", np.array([1, 2]), np.array([2, 4]))
(ROWS,) = MLP.examples().values()


def response(encode: Encoder, output: Array) -> bytes:
    """Return a response with `output` in the format of a request."""
    if encode is workloads.v2_binary:
        return b'{"outputs": []}' + output.tobytes()
    if encode is workloads.v2_grpc:
        answer = service_pb2.ModelInferResponse(raw_output_contents=[output.tobytes()])
        return bytes(answer.SerializeToString())
    listed: Any = output.tolist()
    forms: dict[Encoder, Any] = {
        workloads.v2: {"outputs": [{"data": listed}]},
        workloads.rows: [listed],
    }
    return json.dumps(forms.get(encode, listed)).encode()


def numbers_of(encode: Encoder, example: Example) -> Array:
    """Return the numbers in a request."""
    request = encode(example, "model", "/")
    if encode is workloads.v2_grpc:
        message = service_pb2.ModelInferRequest.FromString(request.body)
        assert (message.model_name, list(message.inputs[0].shape)) == (
            "model",
            [*example.rows.shape],
        )
        return np.frombuffer(message.raw_input_contents[0], example.input.dtype)
    if encode is workloads.v2_binary:
        head = int(request.headers[workloads.LENGTH])
        return np.frombuffer(request.body[head:], example.input.dtype)
    body = json.loads(request.body)
    if isinstance(body, dict):
        body = body["inputs"][0]["data"] if "inputs" in body else body[example.name]
    return np.ravel(body).astype(example.input.dtype)


@pytest.mark.parametrize("example", [NUMBERS, ROWS], ids=["numbers", "rows"])
@pytest.mark.parametrize(
    "encode",
    [
        workloads.lists,
        workloads.rows,
        workloads.v2,
        workloads.v2_binary,
        workloads.v2_grpc,
    ],
)
def test_each_format_carries_the_numbers_and_only_the_models_output_is_right(
    encode: Encoder, example: Example
) -> None:
    assert np.array_equal(numbers_of(encode, example), example.input.ravel())
    mistake = encode(example, "model", "/").mistake
    assert mistake(response(encode, example.output)) == ""
    assert "is not the model's output" in mistake(response(encode, example.output + 1))
    assert mistake(response(encode, example.output[1:]))


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"{}", b'{"outputs": []}'])
def test_a_response_in_another_format_is_a_mistake(answer: bytes) -> None:
    assert "does not have the expected format" in workloads.v2(NUMBERS, "", "/").mistake(answer)


@pytest.mark.parametrize("workload", [LISTS, *NETWORKS], ids=lambda workload: workload.model)
def test_each_server_gets_the_first_load_and_this_one_gets_all(workload: Workload) -> None:
    own, *others = contenders(workload)
    assert own.name == SELF
    assert set(own.requests()) == {load.request for load in workload.loads}
    for contender in others:
        requests = contender.requests()
        assert next(iter(requests)) == workload.loads[0].request
        assert all(request.mistake(b"[]") for request in requests.values())
