"""Converts JSON text to arrays; the rules on JSON numbers are here and in `pieces`.

Integers stay exact 64-bit integers; an array with any fraction or exponent is float64 as a whole.
msgspec parses short texts; for longer ones `pieces` avoids the object for each number.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np

from wire.datatypes import Array, Place, nudged
from wire.errors import RequestError, brief, invalid
from wire.messages import refusal
from wire.paths import Path
from wire.pieces import MAX_DIMENSIONS, SPACE, Kind, Pieces, Text, decoder, flat

# Bytes. msgspec parses a shorter list, or shorter nested lists, just as fast.
LARGE_BYTES, LARGE_NESTED_BYTES = 256, 8192
# Python compares fewer numbers than this faster than NumPy does.
SMALL = 100
_INT64 = np.iinfo(np.int64)


def read(  # noqa: PLR0913, PLR0917 (what a number depends on)
    text: Text, rank: int | None, path: Path, kind: Kind, problem: str, datatype: str
) -> Array:
    """Parse a JSON text as an array.

    Args:
        text: the JSON text, without leading white space.
        rank: the required number of dimensions; None for any.
        path: the position of the text in the request.
        kind: the type of the numbers.
        problem: the end of the error message for an integer that does not fit 64 bits.
        datatype: the datatype that floats will be cast to, which then rounds the JSON numbers once.

    Raises:
        RequestError: the text is not such an array.
    """
    if rank is None:
        rank = _rank(text)
        if rank > MAX_DIMENSIONS:
            raise invalid(f"More than {MAX_DIMENSIONS} dimensions", path.prefix)
    large = LARGE_BYTES if rank == 1 else LARGE_NESTED_BYTES
    if kind == "bool" or len(text) < large or not rank or text[:1] != b"[":
        return _careful(text, rank, path, kind, problem, datatype)
    array = flat(text, kind, datatype) if rank == 1 else None
    if array is None:
        pieces = Pieces(text, rank, kind, datatype)
        array = pieces.quick()
        if array is None:
            array = pieces.careful(path, problem)
    return array


def quick(text: Text, datatype: str) -> Array | None:
    """Return numbers of any dtype, or None unless the text is certainly a valid array."""
    rank = _rank(text)
    if rank == 1 and (numbers := flat(text, "auto", datatype)) is not None:
        return numbers
    return Pieces(text, rank, "auto", datatype).quick() if 0 < rank <= MAX_DIMENSIONS else None


def _careful(  # noqa: PLR0913, PLR0917 (those of `read`)
    text: Text, rank: int, path: Path, kind: Kind, problem: str, datatype: str
) -> Array:
    try:
        nested = decoder(rank, kind).decode(text)
    except msgspec.DecodeError as error:
        raise refusal(error, text, path) from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"Not JSON: {error} - at {path.prefix}") from None
    if rank == 0:
        nested = [nested]
        shape: tuple[int, ...] = ()
    else:
        nested, shape = _flatten(nested, rank, path)
    if kind == "bool":
        return np.array(nested, bool).reshape(shape)
    place = path.flat(shape)
    array = to_floats(nested, place) if kind == "float" else to_array(nested, place, problem)
    if array.dtype == np.float64:
        array = nudged(array, text, datatype)
    return array if rank == 1 else array.reshape(shape)


def _rank(text: Text) -> int:
    """Return how many lists begin before the first number; at most one more than is allowed."""
    rank = 0
    for byte in text:
        if byte == ord("["):
            rank += 1
        elif byte not in SPACE:
            break
        if rank > MAX_DIMENSIONS:
            break
    return rank


def _flatten(nested: Any, rank: int, path: Path) -> tuple[list[Any], tuple[int, ...]]:  # noqa: ANN401
    """Return the numbers of nested lists as one flat list, and their shape.

    Raises:
        RequestError: lists at the same depth differ in length.
    """
    shape = [len(nested)]
    for _ in range(rank - 1):
        size = len(nested[0]) if nested else 0
        if len(set(map(len, nested))) > 1:
            i, other = next((i, len(each)) for i, each in enumerate(nested) if len(each) != size)
            raise invalid(
                f"Expected a list of {size}, like the first one, got {other}",
                path.at(np.unravel_index(i, tuple(shape))),
            )
        shape.append(size)
        nested = list(chain.from_iterable(nested))
    return nested, tuple(shape)


def to_array(numbers: Sequence[int | float], place: Place, problem: str) -> Array:
    """Return integers as int64 or, if needed, uint64; return all as float64 if any is a float.

    Raises:
        RequestError: an integer does not fit 64 bits, or float64 if a number is a fraction.
    """
    # NumPy determines the dtype while it copies. Its choice is right except for integers beyond
    # int64, which it may turn into objects, or into floats although there is no fraction.
    array = np.array(numbers) if numbers else np.array([], dtype=np.int64)
    if array.dtype == np.int64:
        return array
    if float in map(type, numbers):
        return array if array.dtype == np.float64 else to_floats(numbers, place)
    with contextlib.suppress(OverflowError):
        return np.array(numbers, dtype=np.uint64)
    index = next(i for i, n in enumerate(numbers) if not _INT64.min <= n <= _INT64.max)
    raise invalid(f"{brief(numbers[index])} {problem}", place(index))


def to_floats(numbers: Sequence[int | float], place: Place) -> Array:
    """Return numbers as float64; raise RequestError if an integer is too large for it."""
    try:
        return np.array(numbers, dtype=np.float64)
    except OverflowError:
        index = next(i for i, n in enumerate(numbers) if not _fits_float64(n))
        raise invalid(f"{brief(numbers[index])} does not fit float64", place(index)) from None


def _fits_float64(number: float) -> bool:
    try:
        float(number)
    except OverflowError:
        return False
    return True


def check_bounds(array: Array, minimum: int | None, maximum: int | None, place: Place) -> None:
    """Refuse an integer that the model does not take.

    Args:
        array: the integers.
        minimum: the smallest integer that the model takes; None for no limit.
        maximum: the largest integer that the model takes; None for no limit.
        place: returns the JSON path of the number at an index.

    Raises:
        RequestError: an integer is out of bounds.
    """
    if not array.size or (minimum is None and maximum is None):
        return
    if array.size < SMALL:
        numbers = array.ravel().tolist()
        low, high = min(numbers), max(numbers)
    else:
        low, high = int(array.min()), int(array.max())
    if (minimum is None or low >= minimum) and (maximum is None or high <= maximum):
        return
    flat = array.reshape(-1)
    refused = np.zeros(flat.shape, bool)
    if minimum is not None:
        refused |= flat < minimum
    if maximum is not None:
        refused |= flat > maximum
    index = int(np.argmax(refused))
    message = f"{brief(int(flat[index]))} {outside(minimum, maximum)}"
    raise invalid(message, place(index))


def outside(minimum: int | None, maximum: int | None) -> str:
    """Return the end of the error message for an integer that is out of bounds."""
    low = _INT64.min if minimum is None else minimum
    high = _INT64.max if maximum is None else maximum
    return f"is outside the integers that this model takes, {low} to {high}"
