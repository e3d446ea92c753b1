"""Parsing a model's metadata, and the text and example that follow from it."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend import model
from frontend.model import Model, Request, Tensor

DATATYPES = ["BOOL", "INT8", "UINT8", "INT64", "FP16", "BF16", "FP32", "FP64"]


tensors = st.builds(
    Tensor,
    name=st.text(min_size=1, max_size=5),
    datatypes=st.lists(st.sampled_from(DATATYPES), min_size=1).map(tuple),
    shape=st.lists(st.integers(-1, 4), max_size=4).map(tuple),
    minimum=st.none() | st.integers(-100, 100),
    maximum=st.none() | st.integers(100, 200),
)


@given(st.lists(tensors, max_size=3))
def test_an_example_is_what_the_model_takes(inputs: list[Tensor]) -> None:
    found = json.loads(model.example(Model("m", "1.0", tuple(inputs), (), "rows")).body)
    required = [tensor for tensor in inputs if not tensor.optional]
    for tensor, given_ in zip(required, found["inputs"], strict=True):
        assert (given_["name"], given_["datatype"]) == (tensor.name, tensor.datatypes[0])
        for size, takes in zip(given_["shape"], tensor.shape or (), strict=True):
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
        ("elements", [(-1, 4)], False),
        ("elements", [(-1,), (-1,)], False),
    ],
)
def test_a_list_of_numbers_is_for_models_that_answer_each_number(
    batch: str, shapes: list[tuple[int, ...]], expected: bool
) -> None:
    inputs = tuple(Tensor(f"x{i}", ("FP32",), shape) for i, shape in enumerate(shapes))
    assert Model("m", "1.0", inputs, (), batch).takes_numbers is expected


def test_words_follow_the_model() -> None:
    assert model.words("doubleit", None)[2] == "Double"
    taken = Tensor("x", ("FP32",), (-1, 3, 8))
    cnn = Model("cnn", "1.0", (taken,), (Tensor("y", ("INT8",), None),), "rows", ("image/*",))
    title, text, button = model.words("cnn", cnn)
    assert (title, button) == ("cnn", "Predict")
    assert text.startswith("Takes image/* or x (FP32, any \u00d7 3 \u00d7 8); gives y (INT8).")


ROWS = {"a": [[1, 2]], "b": [[3]]}


@pytest.mark.parametrize(
    ("batch", "body", "expected"),
    [
        ("rows", {"instances": [[1, 2], [3, 4]]}, {"a": [[1, 2], [3, 4]]}),
        ("rows", {"instances": [{"a": [1, 2], "b": [3]}]}, ROWS),
        ("none", {"instances": [{"a": [[1, 2]], "b": [[3]]}]}, ROWS),
        ("none", {"instances": [[[1, 2]]]}, {"a": [[1, 2]]}),
        ("rows", {"inputs": [{"name": "a", "shape": [1, 2], "data": [1, 2]}]}, {"a": [[1, 2]]}),
        ("rows", {"inputs": [{"name": "a", "shape": [3], "data": [1, 2]}]}, {}),
        ("rows", {"other": 1}, {}),
    ],
)
def test_a_request_of_every_format_can_be_filled_in(
    batch: str, body: object, expected: dict[str, object]
) -> None:
    inputs = (Tensor("a", ("FP32",), (-1, 2)), Tensor("b", ("FP32",), (-1, 1), optional=True))
    found = model.values_of(
        Request(json.dumps(body).encode()), Model("m", "1.0", inputs, (), batch)
    )
    assert {name: values.tolist() for name, values in found.items()} == expected


def test_metadata_is_parsed() -> None:
    x = {"name": "x", "datatype": "FP32", "shape": [-1, 2], "columns": ["height", "width"],
         "minimum": 0, "maximum": 8, "optional": True}  # fmt: skip
    y = {"name": "y", "labels": ["cat", "dog"]}
    example = {"content_type": "image/jpeg", "base64": "/9j/"}
    described = {"name": "m", "versions": ["1"], "inputs": [x], "outputs": [y]}
    found = model.parse({**described, "example": example, "accepts": ["image/*"]})
    assert (found.name, found.version, found.accepts) == ("m", "1", ("image/*",))
    assert found.inputs == (Tensor("x", ("FP32",), (-1, 2), True, 0, 8, ("height", "width")),)
    assert (found.outputs[0].names, found.outputs[0].shape) == (("cat", "dog"), None)
    assert model.example(found) is found.sample
    assert found.sample
    assert (found.sample.body, found.sample.content_type) == (b"\xff\xd8\xff", "image/jpeg")
    text = {"content_type": "text/csv", "text": "1,2"}
    assert model.example(model.parse({**described, "example": text})).body == b"1,2"
