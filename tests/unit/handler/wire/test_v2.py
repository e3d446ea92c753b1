import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from module import NAMES
from tests.unit.handler.wire.serving import (
    ANYTHING,
    DOUBLEIT,
    PAIR,
    answer,
    echo,
    peak_bytes,
    refusal,
    tensor,
    v2,
)
from tests.unit.handler.wire.test_parse import shapes
from wire import limits, parse
from wire.datatypes import DATATYPES, INTEGERS, natural, readable
from wire.interface import Input, Interface

TORCH = {name: dtype for dtype, name in NAMES.items()}


def output(text: bytes | bytearray) -> Any:
    """Return the only output of a response."""
    (only,) = json.loads(text)["outputs"]
    return only


def test_the_whole_answer() -> None:
    assert echo(v2(tensor([1, 2]), id="7", model_name="other", model_version="2")) == (
        b'{"model_name":"m","model_version":"1.0","id":"7","outputs":'
        b'[{"name":"numbers","shape":[2],"datatype":"INT64","data":[1,2]}]}'
    )


def numbers_of(datatype: str, shape: list[int], seed: int) -> torch.Tensor:
    """Return numbers that fit the datatype."""
    pick = np.random.default_rng(seed)
    if datatype in INTEGERS:
        low, high = INTEGERS[datatype].min, INTEGERS[datatype].max
        return torch.tensor(pick.integers(low, high, shape, datatype.lower(), endpoint=True))
    numbers = torch.tensor(pick.normal(size=shape))
    return numbers > 0 if datatype == "BOOL" else numbers.to(TORCH[datatype])


def bytes_of(numbers: torch.Tensor) -> bytes:
    """Return numbers as binary data, encoded by PyTorch."""
    return bytes(numbers.untyped_storage())


@given(st.sampled_from(DATATYPES), shapes, st.integers(0, 2**32), st.booleans(), st.booleans())
def test_every_datatype_and_shape_arrives_and_returns_exactly(
    datatype: str, shape: list[int], seed: int, binary: bool, flat: bool
) -> None:
    numbers = numbers_of(datatype, shape, seed)
    head: dict[str, Any] = {"name": "x", "shape": shape, "datatype": datatype}
    data = bytes_of(numbers)
    if binary:
        head["parameters"] = {"binary_data_size": len(data)}
        text = v2(head, parameters={"binary_data_output": True}).encode()
        body, size = text + data, len(text)
    else:
        head["data"] = (numbers.flatten() if flat or not shape else numbers).tolist()
        body, size = v2(head).encode(), None
    (call,) = parse.parse(body, ANYTHING, size).calls
    got = call["x"]
    assert (got.datatype, list(got.array.shape)) == (datatype, shape)
    assert got.array.tobytes() == data
    response = answer(body, ANYTHING, json_size=size)
    if binary:
        assert response.json_size is not None
        described = output(response.data[: response.json_size])
        assert described["parameters"] == {"binary_data_size": len(data)}
        assert response.data[response.json_size :] == data
    else:
        described = output(response.data)
        assert bytes_of(torch.tensor(described["data"], dtype=TORCH[datatype])) == data
    assert (described["shape"], described["datatype"]) == (shape, datatype)


def test_elements_keep_the_shape_and_the_model_sees_them_in_a_row() -> None:
    body = v2(tensor([[1, 2, 3], [4, 5, 6]], shape=[2, 3]))
    (call,) = parse.parse(body.encode(), DOUBLEIT).calls
    assert call["numbers"].array.tolist() == [1, 2, 3, 4, 5, 6]
    echoed = output(echo(body))
    assert (echoed["shape"], echoed["data"]) == ([2, 3], [1, 2, 3, 4, 5, 6])


def test_a_shape_without_numbers_that_no_array_can_have_is_refused() -> None:
    body = v2(tensor([], shape=[0, 2**62, 2**62]))
    assert refusal(body, ANYTHING) == "The shape is too large - at $.inputs[0].shape"
    assert output(echo(body))["shape"] == [0, 2**62, 2**62]


@pytest.mark.parametrize("key", ["id", "parameters", "outputs", "model_name", "model_version"])
def test_null_is_absent(key: str) -> None:
    inner = tensor([1]) | {"parameters": None}
    assert echo(v2(inner, **{key: None})) == echo(v2(tensor([1])))


def test_parameters_and_the_requested_output_are_accepted() -> None:
    given = tensor([1]) | {"parameters": {"a": 1}}
    requested = {"name": "y", "parameters": {"binary_data": False}}
    request = v2(given, parameters={"priority": 1}, outputs=[requested])
    assert output(echo(request))["name"] == "y"


def test_inputs_come_by_name_in_any_order_and_optional_ones_may_be_missing() -> None:
    dense, ids = tensor([1.5, 2], "FP32", [1, 2], "dense"), tensor([7], "INT32", name="ids")
    for tensors in ([dense, ids], [ids, dense, tensor([3], "INT8", name="k")]):
        outputs = json.loads(echo(v2(*tensors), PAIR))["outputs"]
        assert [(o["name"], o["datatype"], o["data"]) for o in outputs] == [
            ("dense", "FP32", [1.5, 2.0]),
            ("ids", "INT64", [7]),
            ("k", "INT64", [3]),
        ][: len(tensors)]


def test_a_collection_takes_inputs_of_any_name_in_their_order() -> None:
    model = Interface((), any_name=True)
    (call,) = parse.parse(v2(tensor([1], name="b"), tensor([2], name="a")).encode(), model).calls
    assert list(call) == ["b", "a"]
    assert 'send an object with "inputs"' in refusal("[1]", model)


def test_outputs_are_chosen_by_name_and_as_binary_data() -> None:
    made = [{"a": natural(np.array([1])), "b": natural(np.array([[2.5]], np.float32))}]
    chosen = [{"name": "b", "parameters": {"binary_data": True}}, {"name": "a"}]
    response = answer(v2(tensor([1]), outputs=chosen), ANYTHING, made)
    assert response.json_size is not None
    size = {"parameters": {"binary_data_size": 4}}
    assert json.loads(response.data[: response.json_size])["outputs"] == [
        {"name": "b", "shape": [1, 1], "datatype": "FP32", **size},
        {"name": "a", "shape": [1], "datatype": "INT64", "data": [1]},
    ]
    assert response.data[response.json_size :] == np.float32(2.5).tobytes()


def binary(raw: bytes, size: Any = None, datatype: str = "INT32", **more: Any) -> tuple[bytes, int]:
    head = {"name": "x", "shape": [2], "datatype": datatype, **more}
    head["parameters"] = {"binary_data_size": len(raw) if size is None else size}
    text = v2(head).encode()
    return text + raw, len(text)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (binary(bytes(7)), "Expected 8 bytes for INT32 of shape [2], got 7 - at"),
        (binary(bytes(8), 9), "Expected 9 bytes of binary data, got 8 - at"),
        (binary(bytes(9), 8), "1 bytes follow the last tensor - at the binary data"),
        (binary(bytes(8), -1), "Expected a number of bytes - at"),
        (binary(bytes(8), data=[1, 2]), "Expected data or binary data, got both - at"),
        ((b"[1]" + bytes(8), 3), 'Expected an object with "inputs" before the binary data - at $'),
        ((b"", 0), "Empty body"),
        ((binary(b"")[0], None), "Binary data needs the header Inference-Header-Content-Length"),
    ],
)
def test_binary_data_that_does_not_fit_is_refused(
    made: tuple[bytes, int | None], message: str
) -> None:
    body, size = made
    assert refusal(body, json_size=size).startswith(message)


def test_binary_booleans_are_booleans() -> None:
    body, size = binary(b"\x02\x00", datatype="BOOL")
    (call,) = parse.parse(body, ANYTHING, size).calls
    assert call["x"].array.view(np.uint8).tolist() == [1, 0]


def test_infinity_travels_as_binary_data_only() -> None:
    data = np.array([np.inf, np.nan], np.float32).tobytes()
    body, size = binary(data, datatype="FP32", name="x")
    assert "cannot carry" in refusal(body, ANYTHING, "ModelError", json_size=size)
    head = json.loads(body[:size]) | {"parameters": {"binary_data_output": True}}
    text = json.dumps(head).encode()
    assert answer(text + data, ANYTHING, json_size=len(text)).data.endswith(data)


@pytest.mark.parametrize(
    ("sent", "made", "expected"),
    [
        (tensor([1, 100], "INT8"), [2, 200], "200 does not fit INT8 - at $.inputs[0].data[1]"),
        (tensor([1.0], "FP32"), [1e39], "1e+39 does not fit FP32 - at $.inputs[0].data[0]"),
        # An output of another type or length is the model's to choose.
        (tensor([1, 2]), [0.5], ("FP64", [1], [0.5])),
        (tensor([1.5], "FP32"), [1], ("INT64", [1], [1])),
    ],
)
def test_an_output_has_the_datatype_of_the_request_or_its_own(
    sent: dict[str, Any], made: Any, expected: str | tuple[str, list[int], list[float]]
) -> None:
    outputs = [{"output": natural(np.array(made))}]
    if isinstance(expected, str):
        assert refusal(v2(sent), outputs=outputs) == expected
    else:
        got = output(answer(v2(sent), DOUBLEIT, outputs).data)
        assert (got["datatype"], got["shape"], got["data"]) == expected


def test_a_tensor_of_bfloat16_is_widened_exactly() -> None:
    model = Interface((Input("x", ("FP32",)),))
    (call,) = parse.parse(v2(tensor([1.0078125], "BF16")).encode(), model).calls
    assert call["x"].array.tolist() == [1.0078125]


@pytest.mark.parametrize(
    ("text", "datatype", "number"),
    [
        ("1.003906251", "BF16", 1.0078125),
        ("1.00390625", "BF16", 1.0),
        ("1.00000017881393432617187499", "FP32", 1.0000001192092896),
        ("1.00000017881393432617187500", "FP32", 1.000000238418579),
        ("9007199791611905", "FP32", 9007200328482816.0),
        ("9007199791611905, 0.5", "FP32", 9007200328482816.0),
        ("1e-46", "FP32", 0.0),
    ],
)
@pytest.mark.parametrize("form", ["v2", "bare", "bare or bool", "elements"])
@pytest.mark.parametrize("copies", [1, 60])
def test_a_number_near_the_middle_of_two_is_rounded_once(
    text: str, datatype: str, number: float, form: str, copies: int
) -> None:
    numbers = text.split(", ") * copies
    joined, column = ",".join(numbers), "],[".join(numbers)
    nested = v2(tensor("?", datatype, [len(numbers), 1])).replace('"?"', f"[[{column}]]")
    body, model = {
        "v2": (nested, ANYTHING),
        "bare": (f"[{joined}]", Interface((Input("x", (datatype,)),))),
        "bare or bool": (f"[{joined}]", Interface((Input("x", (datatype, "BOOL")),))),
        "elements": (
            f'{{"instances": [[], 7, [0.5, {joined}]]}}',
            Interface((Input("x", (datatype, "INT8"), (-1,)),), "elements"),
        ),
    }[form]
    call = parse.parse(body.encode(), model).calls[-1]
    assert number in readable(call["x"]).astype(float).reshape(-1)


def test_ignored_fields_create_no_objects() -> None:
    ignored = "[" * 50 + "[],1.5,{}," * 20_000 + "1" + "]" * 50
    body = v2(tensor([1]), parameters={"a": "?"}).replace('"?"', ignored).encode()
    assert peak_bytes(lambda: parse.parse(body, DOUBLEIT)) < 2 * len(body)


@pytest.mark.parametrize(
    "body",
    [
        "[" + "1," * 50_000 + "1]",
        v2(tensor([1] * 50_000)),
        json.dumps({"instances": [1] * 50_000}),
        json.dumps({"instances": [[1], [0.5]] * 20_000}),
    ],
)
def test_a_response_ends_at_its_limit(body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "response", 10_000)
    assert "more than 10000 bytes. The limit follows from" in refusal(body, kind="PayloadTooLarge")


def test_irregular_instances_need_memory_for_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    mixed = json.dumps({"instances": [1, 0.5] * 20_000})
    monkeypatch.setattr(limits, "memory", 1_000_000)
    assert "raise MEMORY" in refusal(mixed, kind="PayloadTooLarge")
    for regular in ([1] * 40_000, [0.5] * 40_000, [[0.5, 1]] * 20_000):
        assert echo(json.dumps({"instances": regular}))
