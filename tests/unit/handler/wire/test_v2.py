from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.handler.wire.test_parse import BOUNDS, Model, echo, refusal
from wire import parse
from wire.errors import RequestError


def body(data: Any, datatype: str = "INT64", shape: list[int] | None = None, **more: Any) -> str:
    tensor = {"name": "x", "shape": shape or [len(data)], "datatype": datatype, "data": data}
    return json.dumps({"inputs": [tensor], **more})


def output(text: bytes) -> dict[str, Any]:
    (tensor,) = json.loads(text)["outputs"]
    assert isinstance(tensor, dict)
    return tensor


def test_the_whole_answer() -> None:
    assert echo(body([1, 2], id="7")) == (
        b'{"model_name":"m","model_version":"1.0","id":"7","outputs":'
        b'[{"name":"output","shape":[2],"datatype":"INT64","data":[1,2]}]}'
    )


@pytest.mark.parametrize(
    "datatype", ["INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32"]
)
def test_integers_are_checked_against_their_datatype(datatype: str) -> None:
    limits = np.iinfo(datatype.lower())
    low, high = max(int(limits.min), -(2**62)), min(int(limits.max), 2**62 - 1)
    assert output(echo(body([low, high], datatype)))["data"] == [low, high]
    assert refusal(body([0, int(limits.max) + 1], datatype)) == (
        f"{int(limits.max) + 1} does not fit {datatype} - at $.inputs[0].data[1]"
    )
    assert refusal(body([int(limits.min) - 1], datatype)).endswith("at $.inputs[0].data[0]")
    assert refusal(body([1, 1.5], datatype)) == (
        f"Expected an integer for {datatype}, got 1.5 - at $.inputs[0].data[1]"
    )


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_fp32_comes_back_as_fp32(numbers: list[float]) -> None:
    tensor = output(echo(body(numbers, "FP32")))
    assert tensor["datatype"] == "FP32"
    assert np.array(tensor["data"], dtype=np.float32).tolist() == numbers


def test_floats_are_checked_against_their_datatype() -> None:
    assert refusal(body([1.0, 1e39], "FP32")) == "1e+39 does not fit FP32 - at $.inputs[0].data[1]"
    assert output(echo(body([1e39], "FP64")))["data"] == [1e39]
    assert output(echo(body([1, 2], "FP64")))["data"] == [1.0, 2.0]


@pytest.mark.parametrize("datatype", ["BOOL", "UINT64", "FP16", "BF16", "BYTES"])
def test_datatypes_that_a_tensor_here_cannot_hold_are_refused_by_name(datatype: str) -> None:
    assert refusal(body([1], datatype)).startswith(f"Datatype '{datatype}' is not supported")


def test_an_unknown_datatype_is_refused() -> None:
    assert refusal(body([1], "INT7")).startswith(
        "Datatype 'INT7' is not known, expected one of INT8"
    )


@pytest.mark.parametrize("data", [[1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]])
def test_tensors_are_flattened_row_by_row_and_keep_their_shape(data: list[Any]) -> None:
    tensor = output(echo(body(data, shape=[2, 3])))
    assert (tensor["shape"], tensor["data"]) == ([2, 3], [1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize(
    ("request_body", "message"),
    [
        (body([1, 2], shape=[3]), "Expected 3 numbers for shape [3], got 2 - at $.inputs[0].data"),
        (
            body([[1, 2], [3]], shape=[2, 2]),
            "Expected a list of 2, as shape says, got 1 of them - at $.inputs[0].data[1]",
        ),
        (
            body([[1], 2], shape=[2, 1]),
            "Expected a list of 1, as shape says, got int - at $.inputs[0].data[1]",
        ),
        (body([[1, "a"]], shape=[1, 2]), "Expected a number, got str - at $.inputs[0].data[0][1]"),
        (body([1, "a"]), "Expected a number, got str - at $.inputs[0].data[1]"),
        (body({"a": 1}), "Expected a list, got object - at $.inputs[0].data"),
        (body([True]), "Expected a number, got bool - at $.inputs[0].data[0]"),
        ('{"inputs": []}', "Expected a list of length >= 1 - at $.inputs"),
        (
            '{"inputs": [{"name": "x", "shape": [1], "datatype": "INT64"}]}',
            "Missing data; tensors are taken as JSON, not as binary data - at $.inputs[0].data",
        ),
        ('{"inputs": [{"name": "x"}]}', "Object missing required field shape - at $.inputs[0]"),
        (
            body([1], outputs=[{"name": "a"}, {"name": "b"}]),
            "Expected a list of length <= 1 - at $.outputs",
        ),
        (body([1], more=1), "Object contains unknown field more - at $"),
        (body([1], shape=[-1]), "Expected int >= 0 - at $.inputs[0].shape[0]"),
    ],
)
def test_a_refusal_says_what_and_where(request_body: str, message: str) -> None:
    assert refusal(request_body) == message


def test_parameters_and_the_requested_output_are_accepted() -> None:
    tensor = {"name": "x", "shape": [1], "datatype": "INT64", "data": [1], "parameters": {"a": 1}}
    request = {
        "inputs": [tensor],
        "parameters": {"binary_data_output": True},
        "outputs": [{"name": "y", "parameters": {"binary_data": True}}],
    }
    assert output(echo(json.dumps(request)))["name"] == "y"


def render(request_body: str, answer: Any) -> dict[str, Any]:
    request = parse.parse(request_body.encode(), BOUNDS)
    return output(request.render([np.array(answer)], Model()))


def test_what_the_address_says_may_be_repeated() -> None:
    repeated = body([1], model_name="m", model_version="2")
    assert output(echo(repeated))["data"] == [1]


def test_an_answer_that_does_not_fit_the_datatype_is_refused() -> None:
    with pytest.raises(RequestError, match=r"200 does not fit INT8 - at \$.inputs\[0\].data\[1\]"):
        render(body([1, 100], "INT8"), [2, 200])
    with pytest.raises(RequestError, match="does not fit FP32"):
        render(body([1.0], "FP32"), [1e39])


def test_an_answer_of_another_kind_or_length_says_so() -> None:
    assert render(body([1, 2]), [0.5]) == {
        "name": "output",
        "shape": [1],
        "datatype": "FP64",
        "data": [0.5],
    }
    assert render(body([1]), np.array([0.5], np.float32))["datatype"] == "FP32"
    assert render(body([1.5], "FP32"), [1])["datatype"] == "INT64"


def test_what_was_meant_as_v2_is_told_from_the_rest() -> None:
    assert parse.is_v2(b'{"inputs": [')
    assert not parse.is_v2(b"[1, 2")
