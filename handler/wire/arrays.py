"""JSON numbers to NumPy arrays and back: every rule about a number stands here.

Integers stay exact 64-bit integers; a list with any fraction or exponent is float64 as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from wire.errors import RequestError, invalid

# int64 or float64, one dimension. A model may answer with another of NumPy's number types.
Array = npt.NDArray[Any]
Place = Callable[[int], str]

INT64 = np.iinfo(np.int64)
# Fewer numbers than this are compared faster by Python than by NumPy.
SMALL = 100


class IntegerBounds(NamedTuple):
    """The integers that a model takes, both ends included. They belong to the model."""

    minimum: int = int(INT64.min)
    maximum: int = int(INT64.max)


def to_array(numbers: Sequence[int | float], bounds: IntegerBounds, place: Place) -> Array:
    """Return `numbers` as a 1-D array: int64 if all are integers, else float64.

    Args:
        numbers: what a strict JSON parser returned for a list of numbers; its floats are finite.
        bounds: the integers that the model takes.
        place: the JSON path of the number at an index, for the error's message.

    Raises:
        RequestError: an integer is out of bounds, or too large for float64 beside a fraction.
    """
    # NumPy finds the dtype in the pass that copies. What it finds is right but for integers beyond
    # int64, which it makes unsigned, objects, or floats without a fraction among them.
    array = np.array(numbers) if numbers else np.array([], dtype=np.int64)
    if array.dtype == np.int64:
        if not _within(numbers, array, bounds):
            raise _out_of_bounds(numbers, bounds, place)
        return array
    if float in map(type, numbers):
        return array if array.dtype == np.float64 else to_floats(numbers, place)
    raise _out_of_bounds(numbers, bounds, place)


def _within(numbers: Sequence[int | float], array: Array, bounds: IntegerBounds) -> bool:
    if len(numbers) < SMALL:
        return not numbers or (min(numbers) >= bounds.minimum and max(numbers) <= bounds.maximum)
    return bool(array.min() >= bounds.minimum and array.max() <= bounds.maximum)


def _out_of_bounds(
    numbers: Sequence[int | float], bounds: IntegerBounds, place: Place
) -> RequestError:
    index = next(i for i, n in enumerate(numbers) if not bounds.minimum <= n <= bounds.maximum)
    return invalid(
        f"{brief(numbers[index])} is outside the integers that this model takes, "
        f"{bounds.minimum} to {bounds.maximum}",
        place(index),
    )


def to_floats(numbers: Sequence[int | float], place: Place) -> Array:
    """Return numbers as float64; raise RequestError where an integer is too large for it."""
    try:
        return np.array(numbers, dtype=np.float64)
    except OverflowError:
        index = next(i for i, n in enumerate(numbers) if not fits_float64(n))
        raise invalid(f"{brief(numbers[index])} does not fit float64", place(index)) from None


def fits_float64(number: float) -> bool:
    """Say whether `number` has a finite float64."""
    try:
        float(number)
    except OverflowError:
        return False
    return True


def to_json(array: Array, place: Place) -> bytes:
    """Return a 1-D array as a compact JSON list; floats come out shortest and exact.

    Raises:
        RequestError: the model's answer holds NaN or infinity, which JSON has no numbers for.
    """
    text = orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
    # orjson writes null for what JSON cannot carry, and writes it for nothing else here.
    if b"null" in text:
        raise not_finite(array, place)
    return text


def not_finite(array: Array, place: Place) -> RequestError:
    """Return the error that names the first number that JSON cannot carry."""
    index = int(np.argmin(np.isfinite(array)))
    return invalid(f"The model's answer is {array[index]}, which JSON cannot carry", place(index))


def brief(number: float) -> str:
    """Return a number as it stands in an error message: a very long one is cut."""
    if isinstance(number, int) and number.bit_length() > 256:  # noqa: PLR2004 (78 digits)
        return f"An integer of {number.bit_length()} bits"
    return str(number)
