"""Converts JSON text to arrays and arrays to JSON text; all rules on JSON numbers are here.

Integers stay exact 64-bit integers; an array with any fraction or exponent is float64 as a whole.

msgspec makes a Python object of each number, and NumPy then reads each object: for a large array
this is most of a request's cost. simdjson, an equally strict parser, writes the numbers directly
into an array, but flattens nested lists. To find the shape, the text without digits and white space
is compared with the brackets and commas of an array of that shape. If the result is not certain,
msgspec parses the text again; its errors say what is wrong and where.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Sequence
from itertools import chain
from typing import Any, Literal, cast

import msgspec
import numpy as np
import orjson
import simdjson

from wire.datatypes import Array, Place, Tensor, readable
from wire.errors import RequestError, brief, invalid
from wire.messages import refusal
from wire.paths import Path

MAX_DIMENSIONS = 8
# Bytes. msgspec parses a shorter flat list just as fast.
LARGE_BYTES = 256
# Bytes. A parser keeps memory of many times its largest document, so it is reused for documents up
# to this size only. For a larger document, the cost of a new parser is small.
KEPT_BYTES = 1 << 20
# Python compares fewer numbers than this faster than NumPy does.
SMALL = 100

SPACE = b" \t\r\n"
_NUMBER_BYTES = b"0123456789+-.eE" + SPACE
_INT64 = np.iinfo(np.int64)

# `auto`: int64 if all numbers are integers (uint64 if int64 cannot hold them), otherwise float64.
# `float`: float64. `bool`: true and false instead of numbers.
Kind = Literal["auto", "float", "bool"]

_kept = [simdjson.Parser()]
_buffers = {"i": np.int64, "u": np.uint64, "d": np.float64}


def read(text: bytes, rank: int | None, path: Path, kind: Kind, reach: str) -> Array:
    """Parse a JSON text as an array.

    Args:
        text: the JSON text, without leading white space.
        rank: the required number of dimensions; None for any.
        path: the position of the text in the request.
        kind: the type of the numbers.
        reach: the end of the error message for an integer that does not fit 64 bits.

    Raises:
        RequestError: the text is not such an array.
    """
    if kind != "bool" and text[:1] == b"[" and (len(text) >= LARGE_BYTES or rank != 1):
        array = quick(text, rank, kind)
        if array is not None:
            return array
    return _careful(text, rank, path, kind, reach)


def quick(text: bytes, rank: int | None, kind: Kind) -> Array | None:
    """Parse a JSON text with simdjson; return None unless it is certainly a valid array."""
    keep = len(text) <= KEPT_BYTES
    parser = _kept.pop() if keep and _kept else simdjson.Parser()
    array = None
    # The exceptions that simdjson raises; a BIGINT_ERROR is a RuntimeError.
    with contextlib.suppress(RuntimeError, TypeError, ValueError):
        array = _extract(cast("simdjson.Array", parser.parse(text)), text, kind)
    # Not reached after a MemoryError: the parser must not be used again then.
    if keep:
        _kept.append(parser)
    if array is None or (rank == 1 and text.count(b"[") == 1):
        return array
    shape = _shape(text, array.size)
    if shape is None or rank not in (None, len(shape)):
        return None
    return array.reshape(shape)


def _extract(document: simdjson.Array, text: bytes, kind: Kind) -> Array:
    if kind == "auto":
        try:
            return np.frombuffer(document.as_buffer(of_type="i"), np.int64)
        except (TypeError, ValueError):
            # Do not read integers as floats: those beyond int64 would be rounded.
            of_type = "d" if b"." in text or b"e" in text or b"E" in text else "u"
    else:
        of_type = "d"
    return np.frombuffer(document.as_buffer(of_type=of_type), _buffers[of_type])  # type: ignore[arg-type]


def _shape(text: bytes, size: int) -> tuple[int, ...] | None:
    """Return the shape of a nested list of `size` numbers; None if it is ragged."""
    skeleton = text.translate(None, _NUMBER_BYTES)
    rank = len(skeleton) - len(skeleton.lstrip(b"["))
    if not 0 < rank <= MAX_DIMENSIONS:
        return None
    shape: list[int] = []
    # From the innermost depth outwards, get the length of a list from the end of the first one.
    inner = 0
    for depth in range(rank, 0, -1):
        end = skeleton.find(b"]" * (rank - depth + 1))
        length = end + (rank - depth + 1) - (depth - 1)
        if end < 0:
            return None
        if depth == rank:
            count = length - 1 if size or length > 2 else 0  # noqa: PLR2004 (the two brackets)
        else:
            count, rest = divmod(length - 1, inner + 1)
            if rest:
                return None
        shape.insert(0, count)
        inner = length
    if inner != len(skeleton) or functools.reduce(int.__mul__, shape) != size:
        return None
    return tuple(shape) if skeleton == _brackets(shape) else None


def _brackets(shape: Sequence[int]) -> bytes:
    """Return the brackets and commas of an array of a shape."""
    text = b""
    for depth, size in enumerate(reversed(shape)):
        text = b"[%b]" % (b"," * (size - 1) if depth == 0 else b",".join([text] * size))
    return text


def _careful(text: bytes, rank: int | None, path: Path, kind: Kind, reach: str) -> Array:
    if rank is None:
        rank = _rank(text, path)
    try:
        nested = _decoder(rank, kind).decode(text)
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
    array = to_floats(nested, place) if kind == "float" else to_array(nested, place, reach)
    return array if rank == 1 else array.reshape(shape)


def _rank(text: bytes, path: Path) -> int:
    rank = 0
    for byte in text:
        if byte == ord("["):
            rank += 1
            if rank > MAX_DIMENSIONS:
                raise invalid(f"More than {MAX_DIMENSIONS} dimensions", path.prefix)
        elif byte not in SPACE:
            break
    return rank


@functools.cache
def _decoder(rank: int, kind: Kind) -> msgspec.json.Decoder[Any]:
    wanted: Any = bool if kind == "bool" else int | float
    for _ in range(rank):
        wanted = list[wanted]
    return msgspec.json.Decoder(wanted)


def _flatten(nested: Any, rank: int, path: Path) -> tuple[list[Any], tuple[int, ...]]:  # noqa: ANN401
    """Return the numbers of nested lists as one flat list, and their shape.

    Raises:
        RequestError: lists at the same depth differ in length.
    """
    shape = [len(nested)]
    for _ in range(rank - 1):
        size = len(nested[0]) if nested else 0
        for i, each in enumerate(nested):
            if len(each) != size:
                raise invalid(
                    f"Expected a list of {size}, like the first one, got {len(each)}",
                    path.at(np.unravel_index(i, tuple(shape))),
                )
        shape.append(size)
        nested = list(chain.from_iterable(nested))
    return nested, tuple(shape)


def to_array(numbers: Sequence[int | float], place: Place, reach: str) -> Array:
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
    raise invalid(f"{brief(numbers[index])} {reach}", place(index))


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
    flat = array.reshape(-1).tolist()
    index = next(
        i
        for i, number in enumerate(flat)
        if (minimum is not None and number < minimum) or (maximum is not None and number > maximum)
    )
    message = f"{brief(flat[index])} {outside(minimum, maximum)}"
    raise invalid(message, place(index))


def outside(minimum: int | None, maximum: int | None) -> str:
    """Return the end of the error message for an integer that is out of bounds."""
    low = _INT64.min if minimum is None else minimum
    high = _INT64.max if maximum is None else maximum
    return f"is outside the integers that this model takes, {low} to {high}"


class NotFiniteError(Exception):
    """The model's output contains NaN or infinity, which JSON cannot represent.

    Attributes:
        index: the index of the number in the flattened output.
    """

    def __init__(self, number: float, index: int) -> None:
        """Take the number and its index."""
        super().__init__(f"The model's answer is {number}, which JSON cannot carry")
        self.index = index


def write(tensor: Tensor) -> bytes:
    """Return a tensor as compact JSON, nested like its shape; floats are exact and shortest.

    Raises:
        NotFiniteError: the tensor contains NaN or infinity.
    """
    array = readable(tensor)
    if not array.ndim:
        text = orjson.dumps(array.item() if tensor.datatype != "FP32" else array[()], option=_NUMPY)
    else:
        text = orjson.dumps(np.ascontiguousarray(array), option=_NUMPY)
    # orjson writes null only for NaN and infinity here.
    if array.dtype.kind == "f" and b"null" in text:
        raise not_finite(array)
    return text


_NUMPY = orjson.OPT_SERIALIZE_NUMPY


def not_finite(array: Array) -> NotFiniteError:
    """Return the error for the first number that is NaN or infinite."""
    flat = array.reshape(-1)
    index = int(np.argmin(np.isfinite(flat)))
    return NotFiniteError(flat[index], index)
