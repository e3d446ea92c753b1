"""JSON text to arrays, and arrays to JSON text: every rule about a number's spelling stands here.

Integers stay exact 64-bit integers; an array with any fraction or exponent is float64 as a whole.

msgspec makes a Python object of each number, and NumPy reads each again: for a large array that is
most of a request's cost. simdjson, as strict a parser, writes the numbers into an array, but
flattens what is nested. So the text without digits and white space is compared with the brackets
and commas that an array of the shape has. What is not certain is left to msgspec, which knows the
words for what is wrong.
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
# Bytes. Below this a flat list is parsed as fast by msgspec.
LARGE_BYTES = 256
# Bytes. A parser's memory, many times its largest document, is kept for documents up to this size:
# for a longer one it is asked for anew, which costs it little.
KEPT_BYTES = 1 << 20
# Fewer numbers than this are compared faster by Python than by NumPy.
SMALL = 100

SPACE = b" \t\r\n"
_NUMBER_BYTES = b"0123456789+-.eE" + SPACE
_INT64 = np.iinfo(np.int64)

# `auto`: int64 where all are integers (uint64 where int64 cannot hold them), else float64.
# `float`: float64. `bool`: true and false in place of numbers.
Kind = Literal["auto", "float", "bool"]

_kept = [simdjson.Parser()]
_buffers = {"i": np.int64, "u": np.uint64, "d": np.float64}


def read(text: bytes, rank: int | None, path: Path, kind: Kind, reach: str) -> Array:
    """Return the array that a JSON text is.

    Args:
        text: the JSON text, without white space before it.
        rank: how many dimensions the array has to have; None for as many as it has.
        path: where the text stands.
        kind: what numbers are read as.
        reach: how a message goes on behind an integer that 64 bits do not hold.

    Raises:
        RequestError: it is not such an array.
    """
    if kind != "bool" and text[:1] == b"[" and (len(text) >= LARGE_BYTES or rank != 1):
        array = quick(text, rank, kind)
        if array is not None:
            return array
    return _careful(text, rank, path, kind, reach)


def quick(text: bytes, rank: int | None, kind: Kind) -> Array | None:
    """Return the array; None where it is none, or not certainly one."""
    keep = len(text) <= KEPT_BYTES
    parser = _kept.pop() if keep and _kept else simdjson.Parser()
    array = None
    # What simdjson raises for each of its errors; a BIGINT_ERROR is the RuntimeError.
    with contextlib.suppress(RuntimeError, TypeError, ValueError):
        array = _extract(cast("simdjson.Array", parser.parse(text)), text, kind)
    # Not reached where memory ran out: a parser that has met that may not be used again.
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
            # Integers are never read as floats: beyond int64 they would come out rounded.
            of_type = "d" if b"." in text or b"e" in text or b"E" in text else "u"
    else:
        of_type = "d"
    return np.frombuffer(document.as_buffer(of_type=of_type), _buffers[of_type])  # type: ignore[arg-type]


def _shape(text: bytes, size: int) -> tuple[int, ...] | None:
    """Return the shape of a nested list of `size` numbers; None where it is ragged."""
    skeleton = text.translate(None, _NUMBER_BYTES)
    rank = len(skeleton) - len(skeleton.lstrip(b"["))
    if not 0 < rank <= MAX_DIMENSIONS:
        return None
    shape: list[int] = []
    # The length of a list of each depth, from the inside, by where the first one of it ends.
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
    """Return the brackets and commas of an array; as long as the text that it is compared with."""
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
    """Return the numbers of nested lists in a row, and their shape.

    Raises:
        RequestError: the lists of one depth differ in length.
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
    """Return numbers as int64 if all are integers, uint64 if int64 cannot hold them, else float64.

    Raises:
        RequestError: an integer is too large for 64 bits, or for float64 beside a fraction.
    """
    # NumPy finds the dtype in the pass that copies. What it finds is right but for integers beyond
    # 64 bits, which it makes objects, or floats without a fraction among them.
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
    """Return numbers as float64; raise RequestError where an integer is too large for it."""
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
        array: integers.
        minimum: the smallest that the model takes; None for any.
        maximum: the largest one.
        place: of a number by its index.

    Raises:
        RequestError: there is one.
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
    """Return how the message about an integer out of bounds goes on."""
    low = _INT64.min if minimum is None else minimum
    high = _INT64.max if maximum is None else maximum
    return f"is outside the integers that this model takes, {low} to {high}"


class NotFiniteError(Exception):
    """The model's answer holds what JSON has no number for; `index` of the flattened array."""

    def __init__(self, number: float, index: int) -> None:
        """Keep which number it is, and where."""
        super().__init__(f"The model's answer is {number}, which JSON cannot carry")
        self.index = index


def write(tensor: Tensor) -> bytes:
    """Return a tensor as compact JSON, nested as its shape; floats come out shortest and exact.

    Raises:
        NotFiniteError: it holds NaN or infinity.
    """
    array = readable(tensor)
    if not array.ndim:
        text = orjson.dumps(array.item() if tensor.datatype != "FP32" else array[()], option=_NUMPY)
    else:
        text = orjson.dumps(np.ascontiguousarray(array), option=_NUMPY)
    # orjson writes null for what JSON cannot carry, and writes it for nothing else here.
    if array.dtype.kind == "f" and b"null" in text:
        raise not_finite(array)
    return text


_NUMPY = orjson.OPT_SERIALIZE_NUMPY


def not_finite(array: Array) -> NotFiniteError:
    """Return the error for the first number that JSON cannot carry."""
    flat = array.reshape(-1)
    index = int(np.argmin(np.isfinite(flat)))
    return NotFiniteError(flat[index], index)
