from __future__ import annotations

import json
import math
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import parse
from wire.arrays import IntegerBounds
from wire.errors import RequestError


class Model(NamedTuple):
    name: str = "m"
    version: str = "1.0"


BOUNDS = IntegerBounds(-(2**62), 2**62 - 1)
int64 = st.integers(-(2**62), 2**62 - 1)
float64 = st.floats(allow_nan=False, allow_infinity=False, width=64)


def echo(body: bytes | str) -> bytes:
    """Parse and render without a model between."""
    request = parse.parse(body.encode() if isinstance(body, str) else body, BOUNDS)
    return request.render(request.arrays, Model())


def refusal(body: bytes | str) -> str:
    with pytest.raises(RequestError) as caught:
        echo(body)
    assert caught.value.status == 400
    return str(caught.value)


@given(st.lists(int64))
def test_integers_come_back_exact(numbers: list[int]) -> None:
    answer = json.loads(echo(json.dumps(numbers)))
    assert answer == numbers
    assert all(type(n) is int for n in answer)


@given(st.lists(float64, min_size=1))
def test_floats_come_back_exact(numbers: list[float]) -> None:
    answer = json.loads(echo(json.dumps(numbers)))
    assert [float(n).hex() for n in answer] == [n.hex() for n in numbers]
    assert all(type(n) is float for n in answer)


@given(st.lists(st.one_of(int64, float64), min_size=1))
def test_one_fraction_makes_the_whole_list_floats(numbers: list[int | float]) -> None:
    answer = json.loads(echo(json.dumps(numbers)))
    floats = any(isinstance(n, float) for n in numbers)
    assert all(type(n) is (float if floats else int) for n in answer)
    assert answer == ([float(n) for n in numbers] if floats else numbers)


@given(st.binary())
def test_any_bytes_are_answered_or_refused_with_a_place(body: bytes) -> None:
    try:
        echo(body)
    except RequestError as error:
        assert error.status == 400
        assert " at " in str(error) or "byte" in str(error)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["instances", "inputs", "a"]), inner)
    ),
)


@given(json_values)
def test_any_json_is_answered_or_refused_with_a_place(value: object) -> None:
    try:
        echo(json.dumps(value))
    except RequestError as error:
        assert error.status == 400
        assert " at " in str(error) or "byte" in str(error)


@given(st.lists(int64, min_size=1), st.data())
def test_a_body_cut_anywhere_is_refused(numbers: list[int], data: st.DataObject) -> None:
    body = json.dumps(numbers)
    cut = data.draw(st.integers(0, len(body) - 1))
    assert "byte" in refusal(body[:cut])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "",
            f"Empty body: expected {parse.FORMS} - at byte 0",
        ),
        (
            " \n",
            f"Empty body: expected {parse.FORMS} - at byte 0",
        ),
        ("[1,", "Not JSON: Input data was truncated (byte 3)"),
        ("[1] x", "Not JSON: JSON is malformed: trailing characters (byte 5)"),
        ("[NaN]", "Not JSON: JSON is malformed: invalid character (byte 1)"),
        ("[Infinity]", "Not JSON: JSON is malformed: invalid character (byte 1)"),
        (b"\xff[1]", "Not JSON: JSON is malformed: invalid character (byte 0)"),
        ("null", "Expected a list, got null - at $"),
        ("3", "Expected a list, got int - at $"),
        ('"3"', "Expected a list, got str - at $"),
        ('[1, 2, "3"]', "Expected a number, got str - at $[2]"),
        ("[true]", "Expected a number, got bool - at $[0]"),
        ("[1, null]", "Expected a number, got null - at $[1]"),
        ("[[1]]", "Expected a number, got array - at $[0]"),
        ("[{}]", "Expected a number, got object - at $[0]"),
        ("[1e999]", "Number out of range - at $[0]"),
        (
            '{"a": 1}',
            f'Expected {parse.FORMS}, got an object with "a" - at $',
        ),
        (
            "{}",
            'Expected a list of numbers, or an object with "instances" or "inputs", '
            "got an object with no keys - at $",
        ),
        (
            '{"instances": [], "inputs": []}',
            'Expected a list of numbers, or an object with "instances" or "inputs", '
            'got an object with "instances", "inputs" - at $',
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


def test_very_long_integers_are_refused_and_not_repeated() -> None:
    assert refusal("[1, " + "9" * 400 + "]").startswith("An integer of 1329 bits is outside")
    assert (
        refusal("[1.5, " + "9" * 400 + "]")
        == "An integer of 1329 bits does not fit float64 - at $[1]"
    )


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_an_answer_that_json_cannot_carry_is_refused_with_its_place(bad: float) -> None:
    request = parse.parse(b"[1.0, 2.0]", BOUNDS)
    with pytest.raises(RequestError, match=r"cannot carry - at \$\[1\]"):
        request.render([np.array([1.0, bad])], Model())


def test_deep_nesting_is_refused() -> None:
    assert "at $" in refusal("[" * 100_000)
    assert " at " in refusal('{"a":' * 100_000)
    assert " at " in refusal(
        '{"instances": [1], "parameters":' + "[" * 100_000 + "]" * 100_000 + "}"
    )
