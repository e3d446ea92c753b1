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
    echo,
    refusal,
    tensor,
    v2,
)
from wire import parse
from wire.datatypes import natural
from wire.errors import RequestError
from wire.interface import Batching, Input, Interface

int64 = st.integers(MINIMUM, MAXIMUM)
float64 = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(st.lists(int64) | st.lists(float64) | st.lists(int64 | float64))
def test_numbers_come_back_exact_and_one_fraction_makes_them_all_floats(
    numbers: list[int | float],
) -> None:
    floats = any(isinstance(n, float) for n in numbers)
    expected = [float(n) for n in numbers] if floats else numbers
    # Their text differs for integers and floats, and for 0.0 and -0.0.
    assert json.dumps(json.loads(echo(json.dumps(numbers)))) == json.dumps(expected)


shapes = st.lists(st.integers(0, 4), max_size=5)


@given(shapes, st.booleans(), st.integers(0, 2**32), st.sampled_from([None, 2]))
def test_an_array_of_any_rank_comes_back_as_it_is(
    shape: list[int], whole: bool, seed: int, indent: int | None
) -> None:
    pick = np.random.default_rng(seed)
    numbers = pick.integers(-(2**63), 2**63 - 1, shape) if whole else pick.normal(size=shape)
    text = json.dumps(numbers.tolist(), indent=indent)
    read = parse.parse(text.encode(), ANYTHING).calls[0]["x"]
    # Empty nested lists do not determine the number of dimensions.
    if numbers.size:
        assert read.array.shape == tuple(shape)
        assert read.datatype == ("INT64" if whole else "FP64")
        assert read.array.tobytes() == np.asarray(numbers).tobytes()
    assert json.loads(echo(text, ANYTHING)) == numbers.tolist()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["instances", "inputs", "dense", "ids", "a"]), inner)
    ),
)


@given(
    model=st.sampled_from([DOUBLEIT, ANYTHING, ROWS, PAIR]),
    body=st.binary() | json_values.map(json.dumps),
)
def test_any_body_is_answered_or_refused_with_a_place(model: Interface, body: bytes | str) -> None:
    try:
        echo(body, model)
    except RequestError as error:
        assert error.kind == "InvalidInput"
        assert " at " in str(error) or "byte" in str(error)


@pytest.mark.parametrize(
    ("datatypes", "body", "datatype"),
    [
        (("BF16", "INT8"), "[0.1]", "BF16"),
        (("BF16", "INT8"), "[1]", "INT8"),
        (("UINT64",), "[18446744073709551615]", "UINT64"),
        (("BOOL",), "[true, false]", "BOOL"),
        ((), "[true]", "BOOL"),
    ],
)
def test_an_input_gets_the_datatype_that_it_prefers(
    datatypes: tuple[str, ...], body: str, datatype: str
) -> None:
    model = Interface((Input("x", datatypes),))
    assert parse.parse(body.encode(), model).calls[0]["x"].datatype == datatype


@pytest.mark.parametrize(("character", "count"), [("9", 400), ("9", 100_000), ("k", 200_000)])
@pytest.mark.parametrize(
    "body",
    [
        "[1.5, %s]",
        "[%s, 1" + ", 1" * 300 + "]",
        '{"instances": [1.5, %s]}',
        '{"inputs": [{"name": "x", "shape": [1], "datatype": "INT8", "data": [%s]}]}',
        '{"inputs": [{"name": "x", "shape": [%s], "datatype": "INT8", "data": [1]}]}',
        '{"%s": 1}',
        '{"inputs": [{"name": "x", "shape": [1], "datatype": "%s", "data": [1]}]}',
        '{"inputs": [{"name": "%s", "shape": [2], "datatype": "INT64", "data": [1]}]}',
        '{"instances": [1], "%s": 1}',
        '{"instances": [{"%s": 1}]}',
        '{"instances": [1], "parameters": {"%s": 1, "%s": 2}}',
        '["%s"]',
    ],
)
@pytest.mark.parametrize("model", [DOUBLEIT, PAIR])
def test_a_message_repeats_at_most_a_hundred_characters(
    model: Interface, body: str, character: str, count: int
) -> None:
    message = refusal(body.replace("%s", character * count), model)
    assert message.count(character) <= 110
    assert len(message) < 300


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize(("batch", "kind"), [("elements", "InvalidInput"), ("none", "ModelError")])
def test_an_answer_that_json_cannot_carry_is_refused_with_its_place(
    batch: Batching, kind: str, bad: float
) -> None:
    model = DOUBLEIT._replace(batch=batch)
    outputs = [{"output": natural(np.array([1.0, bad]))}]
    message = refusal("[1.0, 2.0]", model, kind, outputs=outputs)
    assert message.endswith("which JSON cannot carry - at $[1]")


@pytest.mark.parametrize("depth", [70, 100_000])
@pytest.mark.parametrize("piece", ["[]", '{"a":}'])
@pytest.mark.parametrize(
    "body",
    ["?", '{"instances": [1], "parameters": ?}', v2(tensor([1]), parameters={"a": "?"})],
)
@pytest.mark.parametrize("model", [DOUBLEIT, ANYTHING])
def test_deep_nesting_is_refused(model: Interface, body: str, piece: str, depth: int) -> None:
    deep = piece[:-1] * depth + "1" + piece[-1] * depth
    message = refusal(body.replace('"?"', "?").replace("?", deep), model)
    if body != "?":
        assert message == "Nested more than 64 levels deep - at $"


@pytest.mark.parametrize(
    "body",
    [
        '{"instances": [1], "instances": [2]}',
        '{"instances": [1], "parameters": [[{"a": 1, "a": 2}]]}',
        '{"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [1], "data": [2]}]}',
        '{"instances": [{"dense": [1, 2], "ids": 1}, {"dense": [1, 2], "ids": 1, "ids": 2}]}',
    ],
)
def test_a_duplicate_key_is_refused(body: str) -> None:
    assert "appears twice" in refusal(body, PAIR if "dense" in body else DOUBLEIT)
