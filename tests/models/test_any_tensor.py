"""Tensors of any shape and datatype come back unchanged, as JSON and as binary data."""

from __future__ import annotations

import math

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
def tensors(draw: st.DrawFn, *, finite: bool) -> Tensor:
    """Return a tensor of its datatype from random bits."""
    datatype, shape = draw(st.sampled_from(list(DATATYPES))), draw(SHAPES)
    dtype, count = DATATYPES[datatype], math.prod(shape)
    if dtype == torch.bool:
        numbers = draw(st.lists(st.booleans(), min_size=count, max_size=count))
        return torch.tensor(numbers, dtype=dtype).reshape(shape)
    size = count * dtype.itemsize
    tensor = from_bytes(draw(st.binary(min_size=size, max_size=size)), datatype, shape)
    if finite and dtype.is_floating_point:
        # JSON cannot represent NaN and infinity.
        tensor = torch.where(torch.isfinite(tensor), tensor, torch.zeros_like(tensor))
    return tensor


FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def echoed(serving: Serving, form: str, tensor: Tensor) -> Tensor:
    serving.module(ECHO)
    write, read = FORMS[form]
    answer = serving.send(write(ECHO, {"x": tensor}))
    assert answer.status_code == 200, answer.text
    got = read(ECHO, answer)["output"]
    assert isinstance(got, Tensor)
    return got


@FEW
@given(tensor=tensors(finite=False))
def test_bytes_come_back_bit_by_bit(serving: Serving, tensor: Tensor) -> None:
    got = echoed(serving, "binary", tensor)
    assert (got.dtype, got.shape) == (tensor.dtype, tensor.shape)
    assert to_bytes(got) == to_bytes(tensor)


@FEW
@given(tensor=tensors(finite=True))
def test_json_comes_back_bit_by_bit(serving: Serving, tensor: Tensor) -> None:
    got = echoed(serving, "V2", tensor)
    assert (got.dtype, got.shape) == (tensor.dtype, tensor.shape)
    assert to_bytes(got) == to_bytes(tensor)


@FEW
@given(tensor=tensors(finite=True).filter(lambda each: each.dtype in (torch.int64, torch.float64)))
def test_the_bare_format_keeps_the_shape(serving: Serving, tensor: Tensor) -> None:
    serving.module(ECHO)
    write, read = FORMS["bare"]
    answer = serving.send(write(ECHO, {"x": tensor}))
    assert answer.status_code == 200, answer.text
    assert read(ECHO, answer)["output"] == tensor.tolist()


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_carry_is_an_error_in_json_only(serving: Serving, number: float) -> None:
    tensor = torch.tensor([1.0, number])
    assert to_bytes(echoed(serving, "binary", tensor)) == to_bytes(tensor)
    serving.module(ECHO)
    answer = serving.send(FORMS["V2"][0](ECHO, {"x": tensor}))
    assert answer.status_code == 400
