"""Tensors of any shape and datatype come back unchanged, as JSON and as binary data."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.models.forms import DATATYPES, FORMS, from_bytes, to_bytes
from tests.models.kinds import BY_NAME
from tests.models.serving import Serving

ECHO = BY_NAME["echo"]
SHAPES = st.lists(st.integers(0, 4), min_size=1, max_size=5)


@st.composite
def tensors(draw: st.DrawFn, form: str) -> Tensor:
    """Return a tensor from random bits that a format can carry."""
    # A bare list has no datatype, only a shape and integers or fractions.
    datatypes = ["INT64", "FP64"] if form == "bare" else list(DATATYPES)
    datatype, shape = draw(st.sampled_from(datatypes)), draw(SHAPES)
    dtype, count = DATATYPES[datatype], math.prod(shape)
    if dtype == torch.bool:
        numbers = draw(st.lists(st.booleans(), min_size=count, max_size=count))
        return torch.tensor(numbers, dtype=dtype).reshape(shape)
    size = count * dtype.itemsize
    tensor = from_bytes(draw(st.binary(min_size=size, max_size=size)), datatype, shape)
    if form != "binary" and dtype.is_floating_point:
        # JSON cannot represent NaN and infinity.
        tensor = torch.where(torch.isfinite(tensor), tensor, torch.zeros_like(tensor))
    return tensor


def echoed(serving: Serving, form: str, tensor: Tensor) -> Any:
    serving.module(ECHO)
    write, read = FORMS[form]
    answer = serving.send(write(ECHO, {"x": tensor}))
    assert answer.status_code == 200, answer.text
    return read(ECHO, answer)["output"]


@pytest.mark.parametrize("form", ["binary", "V2", "bare"])
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_every_bit_comes_back(serving: Serving, form: str, data: st.DataObject) -> None:
    tensor = data.draw(tensors(form))
    got = echoed(serving, form, tensor)
    if form == "bare":
        assert got == tensor.tolist()
    else:
        assert (got.dtype, got.shape) == (tensor.dtype, tensor.shape)
        assert to_bytes(got) == to_bytes(tensor)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_carry_is_an_error_in_json_only(serving: Serving, number: float) -> None:
    tensor = torch.tensor([1.0, number])
    assert to_bytes(echoed(serving, "binary", tensor)) == to_bytes(tensor)
    serving.module(ECHO)
    answer = serving.send(FORMS["V2"][0](ECHO, {"x": tensor}))
    assert answer.status_code == 400
