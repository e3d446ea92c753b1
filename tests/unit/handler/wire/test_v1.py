import json
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.handler.wire.serving import (
    ANYTHING,
    DOUBLEIT,
    PAIR,
    ROWS,
    answer,
    echo,
    peak_bytes,
    refusal,
)
from tests.unit.handler.wire.test_parse import float64, int64
from wire import parse
from wire.datatypes import natural
from wire.interface import Input, Interface
from wire.v1 import MAX_INSTANCES


def test_each_instance_has_its_prediction() -> None:
    body = '{"instances": [[0.5, 2], -0, [], -0.0], "parameters": {}, "signature_name": "any"}'
    assert echo(body) == b'{"predictions":[[0.5,2.0],0,[],-0.0]}'


def test_without_batches_named_instances_are_calls() -> None:
    predictions = b'[{"dense":[[1.0,2.0]],"ids":[1,2,3],"k":4}]'
    body = b'{"instances": %b}' % predictions
    assert echo(body, PAIR._replace(batch="none")) == b'{"predictions":%b}' % predictions


@given(st.lists(st.one_of(int64, float64, st.lists(int64), st.lists(float64, min_size=1))))
def test_instances_keep_their_own_dtype(instances: list[object]) -> None:
    predictions = json.loads(echo(json.dumps({"instances": instances})))["predictions"]
    assert json.dumps(predictions) == json.dumps(instances)


@pytest.mark.parametrize(
    ("body", "place"),
    [("[1, 2.5]", "[1]"), ("[1, [1.5]]", "[1][0]"), ("[[1.5]]", "[0][0]"), ("[[3], 2.5]", "[1]")],
)
def test_an_answer_that_json_cannot_carry_is_named_by_instance(body: str, place: str) -> None:
    text = f'{{"instances": {body}}}'
    calls = parse.parse(text.encode(), DOUBLEIT).calls
    outputs = [
        {"output": natural(n.array * np.inf if n.datatype == "FP64" else n.array)}
        for n in (call["numbers"] for call in calls)
    ]
    assert refusal(text, outputs=outputs).endswith(f"at $.instances{place}")


@pytest.mark.parametrize("body", ['{"instances": [3]}', '{"instances": [3, 0.5]}'])
def test_a_model_of_elements_that_changes_the_length_is_a_model_error(body: str) -> None:
    outputs = [{"output": natural(np.array([1, 2]))}] * 2
    assert "more or fewer" in refusal(body, DOUBLEIT, "ModelError", outputs=outputs)


def test_a_number_may_be_answered_by_several() -> None:
    outputs = [{"output": natural(np.array([1, 2]))}]
    model = Interface((Input("x", shape=(-1,)),))
    assert answer('{"instances": [3]}', model, outputs).data == b'{"predictions":[[1,2]]}'
    assert echo('{"instances": [3, [4]]}', model) == b'{"predictions":[3,[4]]}'


def test_rows_are_one_call() -> None:
    body = b'{"instances": [[1, 2], [3, 4.5], [5, 6]]}'
    (call,) = parse.parse(body, ROWS).calls
    assert (call["x"].datatype, call["x"].array.tolist()) == ("FP32", [[1, 2], [3, 4.5], [5, 6]])
    assert echo(body, ROWS) == b'{"predictions":[[1.0,2.0],[3.0,4.5],[5.0,6.0]]}'
    assert echo('{"instances": [ ]}', ROWS) == b'{"predictions":[]}'


def test_instances_of_named_inputs_are_rows_of_each() -> None:
    body = b'{"instances": [{"ids": 7, "dense": [1, 2]}, {"dense": [3, 4.5], "ids": 8}]}'
    (call,) = parse.parse(body, PAIR).calls
    assert list(call) == ["dense", "ids"]
    assert (call["dense"].datatype, call["dense"].array.tolist()) == ("FP32", [[1, 2], [3, 4.5]])
    assert (call["ids"].datatype, call["ids"].array.tolist()) == ("INT64", [7, 8])
    assert echo(body, PAIR) == (
        b'{"predictions":[{"dense":[1.0,2.0],"ids":7},{"dense":[3.0,4.5],"ids":8}]}'
    )


def test_outputs_without_a_row_for_each_instance_are_the_models_fault() -> None:
    outputs = [{"output": natural(np.array([[1.0]]))}]
    message = refusal('{"instances": [[1, 2], [3, 4]]}', ROWS, "ModelError", outputs=outputs)
    assert message == "The model's output has shape [1, 1]: no row for each of 2 instances"


def test_a_named_output_that_json_cannot_carry_has_its_place() -> None:
    outputs = [{"a": natural(np.array([1.0, 2.0])), "b": natural(np.array([1.0, np.nan]))}]
    message = refusal('{"instances": [[1, 2], [3, 4]]}', ROWS, "ModelError", outputs=outputs)
    assert message.endswith("cannot carry - at $.predictions[1].b")


def test_too_many_calls_are_refused() -> None:
    most = json.dumps({"instances": [1] * MAX_INSTANCES})
    more = json.dumps({"instances": [1] * (MAX_INSTANCES + 1)})
    assert len(parse.parse(most.encode(), ANYTHING).calls) == MAX_INSTANCES
    assert "at most 10000 instances" in refusal(more, ANYTHING, "PayloadTooLarge")


@pytest.mark.parametrize("few", [[1, 0.5], [[]], [[1], [0.5]], [[], [1], [1, 1]]])
def test_instances_cost_in_proportion_to_their_bytes(few: list[Any]) -> None:
    bodies = [json.dumps({"instances": few * count}).encode() for count in (3_000, 12_000)]
    calls, more_calls = (len(parse.parse(body, DOUBLEIT).calls) for body in bodies)
    peak, more_peak = (peak_bytes(partial(echo, body)) for body in bodies)
    size, more_size = map(len, bodies)
    assert calls <= 2
    assert more_calls == calls
    assert more_peak / more_size < 1.5 * peak / size
    assert more_peak < 90 * more_size
