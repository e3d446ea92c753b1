"""Converts JSON text to arrays; the rules on JSON numbers are here and in `pieces`.

Integers stay exact 64-bit integers; an array with any fraction or exponent is float64 as a whole.
msgspec parses short texts; for longer ones `pieces` avoids the object for each number.
"""

from collections.abc import Sequence

import numpy as np

from wire import pieces
from wire.datatypes import Array
from wire.errors import Path, Place, brief, invalid
from wire.pieces import MAX_DIMENSIONS, SPACE, Kind, Text

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
    if kind != "bool" and len(text) >= large and rank and text[:1] == b"[":
        array = pieces.quick(text, rank, kind, datatype)
        if array is not None:
            return array
    return pieces.careful(text, rank, path, kind, problem, datatype)


def quick(text: Text, datatype: str) -> Array | None:
    """Return numbers of any dtype, or None unless the text is certainly a valid array."""
    rank = _rank(text)
    return pieces.quick(text, rank, "auto", datatype) if 0 < rank <= MAX_DIMENSIONS else None


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


def to_array(numbers: Sequence[float], fraction: bool, place: Place, problem: str) -> Array:
    """Return numbers as float64, or as int64 or uint64 if there is no fraction among them.

    Raises:
        RequestError: an integer does not fit.
    """
    array, index = pieces.converted(numbers, fraction)
    if array is None and index is not None:
        raise pieces.does_not_fit(numbers[index], fraction, place(index), problem)
    assert array is not None  # noqa: S101 (otherwise there is such an index)
    return array


def check_bounds(array: Array, minimum: int | None, maximum: int | None, place: Place) -> None:
    """Refuse an integer that the model does not take; None for no limit.

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
    is_low = flat < minimum if minimum is not None else False
    is_high = flat > maximum if maximum is not None else False
    index = int(np.argmax(is_low | is_high))
    raise invalid(f"{brief(int(flat[index]))} {outside(minimum, maximum)}", place(index))


def outside(minimum: int | None, maximum: int | None) -> str:
    """Return the end of the error message for an integer that is out of bounds."""
    low = _INT64.min if minimum is None else minimum
    high = _INT64.max if maximum is None else maximum
    return f"is outside the integers that this model takes, {low} to {high}"
