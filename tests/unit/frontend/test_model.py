"""Parsing a model's metadata, and the text and example that follow from it."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend import model
from frontend.model import Model, Tensor

DATATYPES = ["BOOL", "INT8", "UINT8", "INT64", "FP16", "BF16", "FP32", "FP64"]


def tensors(**fixed: object) -> st.SearchStrategy[Tensor]:
    return st.builds(
        Tensor,
        name=st.text(min_size=1, max_size=5),
        datatypes=st.lists(st.sampled_from(DATATYPES), min_size=1).map(tuple),
        shape=st.lists(st.integers(-1, 4), max_size=4).map(tuple),
        minimum=st.none() | st.integers(-100, 100),
        maximum=st.none() | st.integers(100, 200),
        **fixed,  # type: ignore[arg-type]
    )


@given(st.lists(tensors(), max_size=3))
def test_an_example_is_what_the_model_takes(inputs: list[Tensor]) -> None:
    found = json.loads(model.example(Model("m", "1.0", tuple(inputs), (), "rows")))
    required = [tensor for tensor in inputs if not tensor.optional]
    for tensor, given_ in zip(required, found["inputs"], strict=True):
        assert (given_["name"], given_["datatype"]) == (tensor.name, tensor.datatypes[0])
        for size, takes in zip(given_["shape"], tensor.shape, strict=True):
            assert size == takes or takes < 0 < size
        assert len(given_["data"]) == math.prod(given_["shape"])
        for number in given_["data"] if tensor.datatypes[0] != "BOOL" else []:
            assert tensor.minimum is None or number >= tensor.minimum
            assert tensor.maximum is None or number <= tensor.maximum
            assert "INT" not in tensor.datatypes[0] or isinstance(number, int)


@pytest.mark.parametrize(
    ("batch", "shapes", "expected"),
    [
        ("elements", [(-1,)], True),
        ("rows", [(-1,)], False),
        ("none", [(-1,)], False),
        ("elements", [(-1, 4)], False),
        ("elements", [(-1,), (-1,)], False),
    ],
)
def test_a_list_of_numbers_is_for_models_that_answer_each_number(
    batch: str, shapes: list[tuple[int, ...]], expected: bool
) -> None:
    inputs = tuple(Tensor(f"x{i}", ("FP32",), shape) for i, shape in enumerate(shapes))
    assert Model("m", "1.0", inputs, (), batch).takes_numbers is expected


@pytest.mark.parametrize(
    "found", [None, [], 5, {}, {"name": "m"}, {"name": "m", "versions": [], "inputs": []}]
)
def test_what_is_no_metadata_is_refused(found: object) -> None:
    with pytest.raises((ValueError, LookupError, TypeError)):
        model.parse(found)


def test_words_follow_the_model() -> None:
    assert model.words("doubleit", None).button == "Double"
    taken = Tensor("x", ("FP32",), (-1, 3, 8))
    words = model.words("cnn", Model("cnn", "1.0", (taken,), (taken,), "rows"))
    assert words.title == "cnn"
    assert "x (FP32, any \u00d7 3 \u00d7 8)" in words.text
