"""Sample calls of a model, run while it is loaded.

They warm up the model (TorchScript's first calls are slow), find its outputs for the metadata, and
check the setting `batch`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from merging import Run
from module import ModelError
from settings import FILE
from wire.datatypes import DTYPES, Array, Place, Tensor, cast, kind, natural, readable
from wire.interface import Batch, Input
from wire.request import Call, Outputs

# TorchScript's profiling executor optimizes a graph during its first calls.
WARM_UP_CALLS = 3
# Sizes to try for a dimension of any size. Image models often fail on small ones.
SIZES = (8, 64, 224)
ROWS = 2
# For float32: the results of a batch and of its single rows differ in the last bits.
RELATIVE_TOLERANCE = 1e-3
ABSOLUTE_TOLERANCE = 1e-5


class Output(NamedTuple):
    """An output found by the samples; -1 is a dimension that differed between them."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class Findings(NamedTuple):
    """The result of the samples.

    Attributes:
        outputs: empty if no sample ran.
        error: why no sample ran although the datatypes and shapes of the inputs are known.
    """

    outputs: tuple[Output, ...] = ()
    error: str | None = None


def run(module: Run, inputs: Sequence[Input], batch: Batch) -> Findings:
    """Run the samples.

    Raises:
        ValueError: the model contradicts the setting `batch`.
    """
    required = [each for each in inputs if not each.optional]
    if batch == "elements":
        required = [_as_elements(each) for each in required]
    if not required or any(each.shape is None or not each.datatypes for each in required):
        return Findings()
    choices = max(len(each.datatypes) for each in required)
    error: ModelError | None = None
    for size, choice in itertools.product(SIZES, range(choices)):
        try:
            first = module(_call(required, ROWS, size, choice))
        except ModelError as failed:
            error = error or failed
            continue
        _warm_up(module, required, size)
        if batch != "none":
            for each in range(choices):
                _check(module, _call(required, ROWS + 1, size, each), required, batch)
        # Run with another number of rows and other sizes, to find the dimensions that depend on
        # them.
        other = _quietly(module, _call(required, ROWS + 1, 2 * size, choice)) or _quietly(
            module, _call(required, ROWS + 1, size, choice)
        )
        return Findings(_outputs(first, other or first))
    return Findings(error=str(error))


def _as_elements(each: Input) -> Input:
    """Return an input as the model gets it with `batch: elements`: one-dimensional."""
    return each._replace(shape=(-1,), datatypes=each.datatypes or ("INT64", each.fraction))


def _call(inputs: Sequence[Input], rows: int, size: int, choice: int = 0) -> dict[str, Tensor]:
    return {each.name: _tensor(each, rows, size, choice) for each in inputs}


def _tensor(each: Input, rows: int, size: int, choice: int) -> Tensor:
    dimensions = each.shape or ()
    shape = [
        given if given >= 0 else rows if i == 0 else size for i, given in enumerate(dimensions)
    ]
    datatype = each.datatypes[choice % len(each.datatypes)]
    count = int(np.prod(shape, dtype=np.int64))
    numbers: Array
    if kind(datatype) == "f":
        # Reproducible numbers without special values.
        numbers = np.random.default_rng(count).random(count)
    else:
        numbers = np.arange(count) % 2
        if each.minimum is not None or each.maximum is not None:
            low = each.minimum if each.minimum is not None else 0
            numbers = np.clip(numbers, low, each.maximum)
        if datatype == "BOOL":
            numbers = numbers.astype(bool)
    place: Place = str
    array = cast(natural(numbers), datatype, place).astype(DTYPES[datatype])
    return Tensor(array.reshape(shape), datatype)


def _warm_up(module: Run, inputs: Sequence[Input], size: int) -> None:
    for choice in range(max(len(each.datatypes) for each in inputs)):
        for _ in range(WARM_UP_CALLS):
            for rows in (1, ROWS):
                _quietly(module, _call(inputs, rows, size, choice))


def _quietly(module: Run, call: Call) -> Outputs | None:
    """Run a call; return None if the model raises, because it may not accept the sample."""
    try:
        return module(call)
    except ModelError:
        return None


def _outputs(first: Outputs, other: Outputs) -> tuple[Output, ...]:
    return tuple(
        Output(name, each.datatype, _common(each.array.shape, other[name].array.shape))
        for name, each in first.items()
        if name in other
    )


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    if len(one) != len(other):
        return one
    return tuple(a if a == b else -1 for a, b in zip(one, other, strict=True))


def _check(module: Run, whole: Call, inputs: Sequence[Input], batch: Batch) -> None:
    """Compare the outputs for a batch with the outputs for its parts.

    Raises:
        ValueError: the outputs differ.
    """
    numbers = {each.name for each in inputs if each.number}

    def part(start: int, end: int) -> Call:
        return {
            name: each if name in numbers else Tensor(each.array[start:end].copy(), each.datatype)
            for name, each in whole.items()
        }

    rows = ROWS + 1
    parts = [_quietly(module, part(0, 1)), _quietly(module, part(1, rows))]
    together = _quietly(module, part(0, rows))
    if together is None or parts[0] is None or parts[1] is None:
        return
    for name, each in together.items():
        pieces = [readable(p[name]) for p in parts if p is not None]
        if each.array.shape[:1] != (rows,) or not _same(readable(each), pieces, batch):
            raise ValueError(
                f"{FILE}: model.batch is {batch}, but the model's {name} for {rows} rows is not "
                "that for the rows in two parts: set batch to none"
            )


def _same(whole: Array, pieces: Sequence[Array], batch: Batch) -> bool:
    if any(not piece.ndim for piece in pieces):
        return False
    if {piece.shape[1:] for piece in pieces} != {whole.shape[1:]}:
        return False
    joined = np.concatenate(pieces)
    if joined.shape != whole.shape:
        return False
    if batch == "elements" or whole.dtype.kind != "f":
        return bool(np.array_equal(whole, joined, equal_nan=whole.dtype.kind == "f"))
    return bool(np.allclose(whole, joined, RELATIVE_TOLERANCE, ABSOLUTE_TOLERANCE, equal_nan=True))
