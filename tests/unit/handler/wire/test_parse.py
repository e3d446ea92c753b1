from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.handler.wire.serving import (
    ANYTHING,
    DOUBLEIT,
    MAXIMUM,
    MINIMUM,
    PAIR,
    ROWS,
    answer,
    echo,
    refusal,
)
from wire import parse
from wire.datatypes import Tensor, natural
from wire.errors import RequestError
from wire.interface import Batching, Input, Interface

int64 = st.integers(MINIMUM, MAXIMUM)
float64 = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(st.lists(int64))
def test_integers_come_back_exact(numbers: list[int]) -> None:
    found = json.loads(echo(json.dumps(numbers)))
    assert found == numbers
    assert all(type(n) is int for n in found)


@given(st.lists(float64, min_size=1))
def test_floats_come_back_exact(numbers: list[float]) -> None:
    found = json.loads(echo(json.dumps(numbers)))
    assert [float(n).hex() for n in found] == [n.hex() for n in numbers]
    assert all(type(n) is float for n in found)


@given(st.lists(st.one_of(int64, float64), min_size=1))
def test_one_fraction_makes_the_whole_list_floats(numbers: list[int | float]) -> None:
    found = json.loads(echo(json.dumps(numbers)))
    floats = any(isinstance(n, float) for n in numbers)
    assert all(type(n) is (float if floats else int) for n in found)
    assert found == ([float(n) for n in numbers] if floats else numbers)


shapes = st.lists(st.integers(0, 4), min_size=0, max_size=5)


@given(shapes, st.booleans(), st.integers(0, 2**32), st.sampled_from([None, 2]))
def test_an_array_of_any_rank_comes_back_as_it_is(
    shape: list[int], whole: bool, seed: int, indent: int | None
) -> None:
    pick = np.random.default_rng(seed)
    numbers = pick.integers(-(2**63), 2**63 - 1, shape) if whole else pick.normal(size=shape)
    text = json.dumps(numbers.tolist(), indent=indent)
    given_ = parse.parse(text.encode(), ANYTHING).calls[0]["x"]
    # Empty nested lists do not determine the number of dimensions.
    if numbers.size:
        assert given_.array.shape == tuple(shape)
        assert given_.datatype == ("INT64" if whole else "FP64")
        assert given_.array.tobytes() == np.asarray(numbers).tobytes()
    assert json.loads(echo(text, ANYTHING)) == numbers.tolist()


@pytest.mark.parametrize("model", [DOUBLEIT, ANYTHING, ROWS, PAIR])
@given(body=st.binary())
def test_any_bytes_are_answered_or_refused_with_a_place(body: bytes, model: Interface) -> None:
    try:
        echo(body, model)
    except RequestError as error:
        assert error.kind == "InvalidInput"
        assert " at " in str(error) or "byte" in str(error)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["instances", "inputs", "dense", "ids", "a"]), inner)
    ),
)


@pytest.mark.parametrize("model", [DOUBLEIT, ANYTHING, ROWS, PAIR])
@given(value=json_values)
def test_any_json_is_answered_or_refused_with_a_place(value: object, model: Interface) -> None:
    try:
        echo(json.dumps(value), model)
    except RequestError as error:
        assert error.kind == "InvalidInput"
        assert " at " in str(error) or "byte" in str(error)


@given(st.lists(int64, min_size=1), st.data())
def test_a_body_cut_anywhere_is_refused(numbers: list[int], data: st.DataObject) -> None:
    body = json.dumps(numbers)
    cut = data.draw(st.integers(0, len(body) - 1))
    assert "byte" in refusal(body[:cut])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", f"Empty body: expected {parse.FORMS} - at byte 0"),
        (" \n", f"Empty body: expected {parse.FORMS} - at byte 0"),
        ("[1,", "Not JSON: Input data was truncated (byte 3)"),
        ("[1] x", "Not JSON: JSON is malformed: trailing characters (byte 5)"),
        ("[NaN]", "Not JSON: JSON is malformed: invalid character (byte 1)"),
        ("[Infinity]", "Not JSON: JSON is malformed: invalid character (byte 1)"),
        (b"\xff[1]", "Not JSON: JSON is malformed: invalid character (byte 0)"),
        (b"\xef\xbb\xbf[1]", "The body begins with a byte order mark: send it without - at byte 0"),
        ("null", "Expected a list, got null - at $"),
        ("3", "Expected a list, got int - at $"),
        ('"3"', "Expected a list, got str - at $"),
        ('[1, 2, "3"]', "Expected a number, got str - at $[2]"),
        ("[true]", "Expected a number, got bool - at $[0]"),
        ("[1, null]", "Expected a number, got null - at $[1]"),
        ("[[1]]", "Expected a number, got array - at $[0]"),
        ("[{}]", "Expected a number, got object - at $[0]"),
        ("[1e999]", "Number out of range - at $[0]"),
        ('{"a": 1}', f'Expected {parse.FORMS}, got an object with "a" - at $'),
        ("{}", f"Expected {parse.FORMS}, got an object with no keys - at $"),
        (
            '{"instances": [], "inputs": []}',
            f'Expected {parse.FORMS}, got an object with "instances", "inputs" - at $',
        ),
        (
            "[4611686018427387904]",
            "4611686018427387904 is outside the integers that this model takes, "
            "-4611686018427387904 to 4611686018427387903 - at $[0]",
        ),
    ],
)
def test_a_refusal_says_what_and_where(body: str | bytes, message: str) -> None:
    assert refusal(body) == message


@pytest.mark.parametrize(
    ("body", "model", "message"),
    [
        ("[[1, 2], [3]]", ANYTHING, "Expected a list of 2, like the first one, got 1 - at $[1]"),
        ("[[[1], [2]], [[3], 4]]", ANYTHING, "Expected a list, got int - at $[1][1]"),
        ("[[1.5, 2.5, 3]]", ROWS, "Expected shape [-1, 2] for x, got [1, 3] - at $"),
        ("[1.5, 2.5]", ROWS, "Expected a list, got float - at $[0]"),
        ("[" * 9 + "]" * 9, ANYTHING, "More than 8 dimensions - at $"),
        ("[[1, true]]", ANYTHING, "Expected a number, got bool - at $[0][1]"),
        ("[[1e39, 1]]", ROWS, "1e+39 does not fit FP32 - at $[0][0]"),
        (
            "[1]",
            PAIR,
            "A list of numbers is for a model with one input; this one takes dense, ids: "
            'send an object with "inputs" - at $',
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused_by_place(
    body: str, model: Interface, message: str
) -> None:
    assert refusal(body, model) == message


@pytest.mark.parametrize(
    ("datatypes", "body", "datatype"),
    [
        (("FP32",), "[1, 2]", "FP32"),
        (("FP16",), "[0.1]", "FP16"),
        (("BF16", "INT8"), "[0.1]", "BF16"),
        (("BF16", "INT8"), "[1]", "INT8"),
        (("UINT64",), "[18446744073709551615]", "UINT64"),
        (("BOOL",), "[true, false]", "BOOL"),
        ((), "[true]", "BOOL"),
        ((), "[1]", "INT64"),
        ((), "[0.5]", "FP64"),
    ],
)
def test_an_input_gets_the_datatype_that_it_prefers(
    datatypes: tuple[str, ...], body: str, datatype: str
) -> None:
    model = Interface((Input("x", datatypes),))
    assert parse.parse(body.encode(), model).calls[0]["x"].datatype == datatype


@pytest.mark.parametrize(
    ("datatype", "body", "message"),
    [
        ("INT8", "[1, 128]", "128 does not fit INT8 - at $[1]"),
        ("INT8", "[1, 1.5]", "Expected an integer for INT8, got 1.5 - at $[1]"),
        ("FP16", "[70000]", "70000.0 does not fit FP16 - at $[0]"),
        ("BF16", "[1e39]", "1e+39 does not fit BF16 - at $[0]"),
        ("BOOL", "[1]", "Expected bool, got int - at $[0]"),
        ("UINT8", "[-1]", "-1 does not fit UINT8 - at $[0]"),
    ],
)
def test_numbers_that_a_datatype_does_not_hold_are_refused(
    datatype: str, body: str, message: str
) -> None:
    assert refusal(body, Interface((Input("x", (datatype,)),))) == message


def test_several_outputs_are_an_object_by_name() -> None:
    outputs = {"a": natural(np.array([[1.5]])), "b": natural(np.array(True))}
    assert answer("[1]", ANYTHING, [outputs]).data == b'{"a":[[1.5]],"b":true}'


@pytest.mark.parametrize("digits", [400, 4_301, 100_000])
@pytest.mark.parametrize(
    "body",
    [
        "[1, N]",
        "[1.5, N]",
        "[N, 1" + ", 1" * 300 + "]",
        '{"instances": [1.5, N]}',
        '{"inputs": [{"name": "x", "shape": [1], "datatype": "INT8", "data": [N]}]}',
        '{"inputs": [{"name": "x", "shape": [N], "datatype": "INT8", "data": [1]}]}',
        '{"inputs": [{"name": "x", "shape": [1], "datatype": "INT8", "data": [1], '
        '"parameters": {"binary_data_size": N}}]}',
    ],
)
def test_very_long_integers_are_refused_and_not_repeated(body: str, digits: int) -> None:
    message = refusal(
        body.replace("N,", "9" * digits + ",")
        .replace("N]", "9" * digits + "]")
        .replace("N}", "9" * digits + "}")
    )
    assert len(message) < 200
    assert message.count("9") < 100


@pytest.mark.parametrize(
    "body",
    [
        '{"%s": 1}',
        '{"inputs": [{"name": "x", "shape": [1], "datatype": "%s", "data": [1]}]}',
        '{"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [1], "%s": 1}]}',
        '{"inputs": [{"name": "%s", "shape": [2], "datatype": "INT64", "data": [1]}]}',
        '{"instances": [1], "%s": 1}',
        '{"instances": [{"%s": 1}]}',
        '{"%s": 1, "%s": 2, "instances": [1]}',
        '{"instances": [1], "parameters": {"%s": 1, "%s": 2}}',
        '["%s"]',
        '"%s"',
    ],
)
@pytest.mark.parametrize("model", [DOUBLEIT, PAIR])
def test_a_message_repeats_at_most_a_hundred_characters(body: str, model: Interface) -> None:
    message = refusal(body.replace("%s", "k" * 200_000), model)
    assert message.count("k") <= 110


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize(("batch", "kind"), [("elements", "InvalidInput"), ("none", "ModelError")])
def test_an_answer_that_json_cannot_carry_is_refused_with_its_place(
    batch: Batching, kind: str, bad: float
) -> None:
    model = DOUBLEIT._replace(batch=batch)
    outputs = [{"output": natural(np.array([1.0, bad]))}]
    message = refusal("[1.0, 2.0]", model, kind, outputs=outputs)
    assert message.endswith("which JSON cannot carry - at $[1]")


def test_bfloat16_is_written_exactly() -> None:
    outputs = [{"output": Tensor(np.array([0x3F81], np.uint16), "BF16")}]
    assert answer("[1]", ANYTHING, outputs).data == b"[1.0078125]"


@pytest.mark.parametrize("model", [DOUBLEIT, ANYTHING])
@pytest.mark.parametrize(
    ("body", "place"),
    [
        pytest.param("[" * 100_000, "at $", id="lists"),
        pytest.param('{"a":' * 100_000, " at ", id="objects"),
        pytest.param(
            '{"instances": [1], "parameters":' + "[" * 100_000 + "]" * 100_000 + "}",
            " at ",
            id="parameters",
        ),
    ],
)
def test_deep_nesting_is_refused(model: Interface, body: str, place: str) -> None:
    assert place in refusal(body, model)


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": [1], "instances": [2]}',
        '{"instances": [1], "parameters": {"a": 1, "a": 2}}',
        '{"instances": [1], "parameters": [[{"a": 1, "a": 2}]]}',
        '{"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [1]}], '
        '"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [2]}]}',
        '{"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [1], "data": [2]}]}',
        '{"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [1], '
        '"parameters": {"b": {"c": 1, "c": 1}}}]}',
        '{"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [1]}], '
        '"outputs": [{"name": "y", "name": "y"}]}',
    ],
)
def test_a_duplicate_key_is_refused(body: str) -> None:
    assert "appears twice" in refusal(body)


def test_a_duplicate_key_in_an_instance_is_refused() -> None:
    body = '{"instances": [{"dense": [1, 2], "ids": 1}, {"dense": [1, 2], "ids": 1, "ids": 2}]}'
    assert refusal(body, PAIR) == 'The key "ids" appears twice in an object - at $'
