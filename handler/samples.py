"""Sample calls of a model, run while it is loaded.

They find the model's outputs for the metadata, check the setting `batch`, and warm the model up
(TorchScript's first calls are slow). Their time and memory are limited: what does not run is
reported, and the model is served without it.
"""

import itertools
import resource
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from merging import Run
from module import ModelError
from settings import FILE
from wire.datatypes import DTYPES, INTEGERS, Array, Tensor, cast, kind, natural, readable
from wire.errors import Place
from wire.interface import Batching, Call, Input, Outputs

# TorchScript's profiling executor optimizes a graph during its first calls.
WARM_UP_CALLS = 3
# Sizes to try for a dimension of any size. Image models often fail on small ones.
SIZES = (8, 64, 224)
# Rows of the calls that are compared with their parts, and the factors between their scales: a
# model that computes one scale for the whole call answers small rows wrongly beside large ones.
ROWS = 3
SCALES = (1, 100, 0.01)
# How far integers reach in the samples. The first is accepted by the smallest embedding; the last
# is replaced by the declared range.
REACHES = (1, 9, 99, 9999)
# For float32: the results of a batch and of its single rows differ in the last bits.
RELATIVE_TOLERANCE = 1e-3
ABSOLUTE_TOLERANCE = 1e-5
# The limits of all samples together: startupTimeout is 60 s in DoubleIt's settings, and as many
# workers as cores load their models at the same time.
SECONDS = 10.0
# The limit of the inputs of one call, and of the memory that one call may add to the process.
INPUT_BYTES = 64 << 20
CALL_BYTES = 1 << 30


class Findings(NamedTuple):
    """The result of the samples.

    Attributes:
        outputs: the outputs as V2's metadata describes them, -1 for a dimension that differed
            between samples; empty if no sample ran.
        error: why samples did not run, although the datatypes and shapes of the inputs are known.
    """

    outputs: Sequence[dict[str, object]] = ()
    error: str | None = None


class _LimitError(Exception):
    """The next call would take more time or memory than the samples may."""


class _Limited:
    """Runs a module within the limits, judged by what a row took in the calls before."""

    def __init__(self, module: Run) -> None:
        self._module = module
        self._end = time.monotonic() + SECONDS
        self._row_seconds = 0.0
        self._row_bytes = 0.0

    def __call__(self, call: Call, rows: int) -> Outputs:
        """Run a call; raise _LimitError if it may exceed a limit, and ModelError as the module."""
        size = sum(tensor.array.nbytes for tensor in call.values())
        began = time.monotonic()
        if size > INPUT_BYTES:
            raise _LimitError(f"the inputs of {rows} rows have {size >> 20} MiB")
        late = self._row_seconds and began + rows * self._row_seconds > self._end
        if late or rows * self._row_bytes > CALL_BYTES:
            raise _LimitError(
                f"a row takes {self._row_seconds:.1f} s and {self._row_bytes / 2**30:.1f} GiB"
            )
        before = _peak_bytes()
        try:
            return self._module(call)
        finally:
            self._row_seconds = (time.monotonic() - began) / rows
            self._row_bytes = max(self._row_bytes, (_peak_bytes() - before) / rows)

    def quietly(self, call: Call, rows: int) -> Outputs | None:
        """Run a call; return None if the model raises, because it may not accept the sample."""
        try:
            return self(call, rows)
        except ModelError:
            return None


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def run(module: Run, inputs: Sequence[Input], batch: Batching, *, safe: bool = False) -> Findings:
    """Run the samples.

    Args:
        module: runs one call.
        inputs: the model's inputs.
        batch: the setting to check.
        safe: whether to use integers above 1 only where a maximum is declared: on a GPU, an index
            out of range breaks the process.

    Raises:
        ValueError: the model contradicts the setting `batch`.
    """
    required = _required(inputs, batch, safe=safe)
    if not required or any(spec.shape is None or not spec.datatypes for spec in required):
        return Findings()
    choices = range(max(len(spec.datatypes) for spec in required))
    limited = _Limited(module)
    error: Exception | None = None
    for size, choice in itertools.product(SIZES, choices):
        try:
            first = limited(_call(required, 1, size, choice), 1)
        except ModelError as failed:
            error = error or failed
            continue
        except _LimitError as limit:
            return Findings(error=f"none was run: {limit}")
        other: Outputs | None = None
        stopped = None
        try:
            # Another number of rows and other sizes show the dimensions that depend on them.
            other = limited.quietly(_call(required, ROWS, 2 * size, choice), ROWS)
            other = other or limited.quietly(_call(required, ROWS, size, choice), ROWS)
            if batch != "none":
                for datatype, reach in itertools.product(choices, range(len(REACHES))):
                    _check(limited, _call(required, ROWS, size, datatype, reach), required, batch)
            for datatype, rows, _ in itertools.product(choices, (1, 2), range(WARM_UP_CALLS)):
                limited.quietly(_call(required, rows, size, datatype), rows)
        except _LimitError as limit:
            unchecked = "" if batch == "none" else f", so that batch: {batch} is not checked"
            stopped = f"only some were run: {limit}{unchecked}"
        return Findings(_outputs(first, other, batch), stopped)
    return Findings(error=str(error))


def _required(inputs: Sequence[Input], batch: Batching, *, safe: bool) -> list[Input]:
    """Return the required inputs as the model gets them: one-dimensional for `elements`."""
    required = [spec for spec in inputs if not spec.optional]
    if batch == "elements":
        required = [
            spec._replace(shape=(-1,), datatypes=spec.datatypes or ("INT64", spec.fraction))
            for spec in required
        ]
    if safe:
        required = [
            spec if spec.maximum is not None else spec._replace(minimum=0, maximum=1)
            for spec in required
        ]
    return required


def _call(
    inputs: Sequence[Input], rows: int, size: int, choice: int, reach: int = 0
) -> dict[str, Tensor]:
    return {spec.name: _tensor(spec, rows, size, choice, reach) for spec in inputs}


def _tensor(spec: Input, rows: int, size: int, choice: int, reach: int) -> Tensor:
    """Return reproducible numbers; with a `reach`, of another scale in each row."""
    shape = [
        declared if declared >= 0 else _size(spec, i, size if i else rows)
        for i, declared in enumerate(spec.shape or ())
    ]
    datatype = spec.datatypes[choice % len(spec.datatypes)]
    dice = np.random.default_rng(rows)
    numbers: Array
    if kind(datatype) == "f":
        numbers = dice.standard_normal(shape) if reach else dice.random(shape)
        if reach and shape:
            scales = np.resize(SCALES, shape[0])
            numbers *= scales.reshape(-1, *[1] * (len(shape) - 1))
    elif datatype == "BOOL":
        numbers = dice.random(shape) < 0.5  # noqa: PLR2004 (half of them)
    else:
        numbers = _integers(spec, datatype, shape, reach, dice)
    place: Place = str
    array = cast(natural(np.asarray(numbers)), datatype, place).astype(DTYPES[datatype])
    return Tensor(array, datatype)


def _size(spec: Input, dimension: int, preferred: int) -> int:
    """Return the size to use for a dimension of any size: the one that is wanted if possible."""
    low, high = spec.sizes[dimension] if spec.sizes else (0, None)
    # The number of rows is compared with that of the outputs.
    return max(low, min(high, preferred) if dimension and high is not None else preferred)


def _integers(
    spec: Input, datatype: str, shape: list[int], reach: int, dice: np.random.Generator
) -> Array:
    limits = INTEGERS[datatype]
    high = limits.max if spec.maximum is None else min(spec.maximum, limits.max)
    low = max(min(0, high) if spec.minimum is None else spec.minimum, limits.min)
    both = spec.minimum is not None and spec.maximum is not None
    most = high - low if both and reach == len(REACHES) - 1 else REACHES[reach]
    if spec.number or not shape:
        return np.full(shape, low)
    ends = [min(high, low + max(1, most // 100**i)) for i in range(shape[0])]
    highs = np.array(ends, DTYPES[datatype]).reshape(-1, *[1] * (len(shape) - 1))
    return dice.integers(low, highs, shape, DTYPES[datatype].type, endpoint=True)


def _outputs(first: Outputs, other: Outputs | None, batch: Batching) -> list[dict[str, object]]:
    described: list[dict[str, object]] = []
    for name, tensor in first.items():
        shape = list(tensor.array.shape)
        if other is None and shape and batch != "none":
            shape[0] = -1
        elif other and name in other and other[name].array.ndim == len(shape):
            sizes = other[name].array.shape
            shape = [a if a == b else -1 for a, b in zip(shape, sizes, strict=True)]
        described.append({"name": name, "datatype": tensor.datatype, "shape": shape})
    return described


def _check(module: _Limited, whole: Call, inputs: Sequence[Input], batch: Batching) -> None:
    """Compare the outputs for a batch with the outputs for its parts.

    Raises:
        ValueError: the outputs differ.
    """
    numbers = {spec.name for spec in inputs if spec.number}

    def part(start: int, end: int) -> Outputs | None:
        call = {
            name: t if name in numbers else Tensor(t.array[start:end].copy(), t.datatype)
            for name, t in whole.items()
        }
        # The model may reuse the memory of its outputs.
        outputs = module.quietly(call, end - start)
        return outputs and {n: Tensor(t.array.copy(), t.datatype) for n, t in outputs.items()}

    together = part(0, ROWS)
    parts = together and [part(0, 1), part(1, ROWS)]
    if not together or not parts or None in parts:
        return
    for name, tensor in together.items():
        pieces = [readable(p[name]) for p in parts if p is not None and name in p]
        tolerance = max(
            RELATIVE_TOLERANCE, *(_rounding(one.datatype) for one in (tensor, *whole.values()))
        )
        same = len(pieces) == len(parts) and tensor.array.shape[:1] == (ROWS,)
        if not same or not _same(readable(tensor), pieces, batch, tolerance):
            raise ValueError(
                f"{FILE}: model.batch is {batch}, but the model's {name} for {ROWS} rows is not "
                "that for the rows in two parts: set batch to none"
            )


def _rounding(datatype: str) -> float:
    """Return the relative error that a few roundings in a datatype add up to."""
    return {"FP16": 2.0**-7, "BF16": 2.0**-4}.get(datatype, 0.0)


def _same(whole: Array, pieces: Sequence[Array], batch: Batching, tolerance: float) -> bool:
    if any(not piece.ndim or piece.shape[1:] != whole.shape[1:] for piece in pieces):
        return False
    joined = np.concatenate(pieces)
    if joined.shape != whole.shape:
        return False
    if batch == "elements" or whole.dtype.kind != "f":
        return bool(np.array_equal(whole, joined, equal_nan=whole.dtype.kind == "f"))
    # Where large numbers cancel out, the error is as large as in the largest number of the row.
    absolute = [
        ABSOLUTE_TOLERANCE * max(1, np.max(np.abs(row), initial=0, where=np.isfinite(row)))
        for row in joined
    ]
    return all(
        np.allclose(one, other, tolerance, allowed, equal_nan=True)
        for one, other, allowed in zip(whole, joined, absolute, strict=True)
    )
