from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.handler.wire.test_parse import BOUNDS, Model, echo, float64, int64, refusal
from wire import parse
from wire.errors import RequestError


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ('{"instances": [[1, 2], [0.5]]}', b'{"predictions":[[1,2],[0.5]]}'),
        ('{"instances": [1, 2.5]}', b'{"predictions":[1,2.5]}'),
        ('{"instances": [[], 3, [4]]}', b'{"predictions":[[],3,[4]]}'),
        ('{"instances": []}', b'{"predictions":[]}'),
        ('{"instances": [1], "parameters": {"any": [null]}}', b'{"predictions":[1]}'),
    ],
)
def test_each_instance_has_its_prediction(body: str, answer: bytes) -> None:
    assert echo(body) == answer


@given(st.lists(st.one_of(int64, float64, st.lists(int64), st.lists(float64, min_size=1))))
def test_instances_keep_their_own_dtype(instances: list[object]) -> None:
    assert json.loads(echo(json.dumps({"instances": instances}))) == {"predictions": instances}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"instances": 1}', "Expected a list, got int - at $.instances"),
        (
            '{"instances": ["a"]}',
            "Expected a number or a list of numbers, got str - at $.instances[0]",
        ),
        ('{"instances": [1, [2, "a"]]}', "Expected a number, got str - at $.instances[1][1]"),
        ('{"instances": [[[1]]]}', "Expected a number, got array - at $.instances[0][0]"),
        ('{"instances": [1], "b": 2}', "Object contains unknown field b - at $"),
    ],
)
def test_a_refusal_says_what_and_where(body: str, message: str) -> None:
    assert refusal(body) == message


def test_integers_out_of_bounds_are_named_by_instance() -> None:
    assert refusal('{"instances": [1.5, 2, 9223372036854775807]}').endswith("at $.instances[2]")
    assert refusal('{"instances": [1, [2, -9223372036854775808]]}').endswith("at $.instances[1][1]")


@pytest.mark.parametrize(("body", "place"), [("[1, 2.5]", "[1]"), ("[1, [1.5]]", "[1][0]")])
def test_an_answer_that_json_cannot_carry_is_named_by_instance(body: str, place: str) -> None:
    request = parse.parse(f'{{"instances": {body}}}'.encode(), BOUNDS)
    outputs = [np.array([1]), np.array([np.inf])]
    with pytest.raises(RequestError) as caught:
        request.render(outputs, Model())
    assert str(caught.value).endswith(f"at $.instances{place}")


def test_a_number_may_be_answered_by_several() -> None:
    request = parse.parse(b'{"instances": [3]}', BOUNDS)
    assert request.render([np.array([1, 2])], Model()) == b'{"predictions":[[1,2]]}'
