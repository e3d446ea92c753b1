"""Reads JSON arrays in pieces, so that memory beyond the text and the array is limited.

`quick` has simdjson write the numbers of each piece directly into an array, without a Python object
for each number. simdjson checks the grammar but flattens nested lists, so the brackets and commas
of the text are compared with those of an array of the same shape. What is not accepted goes to
`careful`: msgspec reads any array, and its errors say what is wrong and where.
"""

import contextlib
import functools
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Literal

import msgspec
import numpy as np
import simdjson

from wire.datatypes import Array, nudged
from wire.errors import Path, RequestError, brief, invalid, refusal

Text = bytes | bytearray
MAX_DIMENSIONS = 8
# A parser keeps several times the memory of its largest document. Larger pieces are not faster.
PIECE_BYTES = 1 << 20

SPACE = b" \t\r\n"
_NUMBER_BYTES = b"0123456789+-.eE" + SPACE
_BRACKETS = re.compile(rb"[\[\]]")
_EMPTY = re.compile(rb"[\[ \t\r\n]*\]")
_INNERMOST = re.compile(rb"\[[^\[\]]*\]")
# What follows a comma without an element.
_NO_ELEMENT = re.compile(rb"[ \t\r\n]*(?:\]|\Z)")

# `auto`: int64 if all numbers are integers (uint64 if int64 cannot hold them), otherwise float64.
# `float`: float64. `bool`: true and false instead of numbers.
Kind = Literal["auto", "float", "bool"]

_parsers = [simdjson.Parser()]
_DTYPES: dict[str, type[np.generic]] = {"i": np.int64, "u": np.uint64, "d": np.float64}


# The text from a start to a comma or the end, and how many lists are open at both ends.
_Piece = tuple[int, int, int, int]


def _pieces(text: Text, rank: int) -> Iterator[_Piece]:
    start = before = 0
    while start <= len(text):
        end = text.find(b",", start + PIECE_BYTES)
        if end < 0:
            end, after = len(text), 0
        elif rank == 1:
            after = 1  # brackets elsewhere are errors, which the parsers find
        else:
            after = before + text.count(b"[", start, end) - text.count(b"]", start, end)
        yield start, end, before, after
        start, before = end + 1, after


def _document(text: Text, piece: _Piece) -> Text:
    """Return a piece as an array of its own."""
    start, end, before, after = piece
    return b"".join((b"[" * before, memoryview(text)[start:end], b"]" * max(after, 0)))


def quick(text: Text, rank: int, kind: Kind, datatype: str) -> Array | None:
    """Return the array; None unless the text is certainly a valid, regular array.

    The arguments are those of `wire.arrays.read`; `rank` is at least 1, `kind` is not `bool`.
    """
    is_whole = len(text) <= PIECE_BYTES
    shape = _shape(text, rank, is_whole)
    if shape is None:
        return None
    fraction = _has_fraction(text, kind)
    if is_whole:
        numbers = _parse(text, fraction, datatype)
    else:
        documents = (_document(text, piece) for piece in _pieces(text, rank))
        parts = (_parse(document, fraction, datatype) for document in documents)
        numbers = _joined(parts, math.prod(shape))
    if numbers is None or shape == (-1,):
        return numbers
    return numbers.reshape(shape) if len(numbers) == math.prod(shape) else None


def careful(  # noqa: PLR0913, PLR0917 (those of `wire.arrays.read`)
    text: Text, rank: int, path: Path, kind: Kind, problem: str, datatype: str
) -> Array:
    """Return the array; see `wire.arrays.read`.

    Raises:
        RequestError: the text is not such an array.
    """
    fraction = _has_fraction(text, kind)
    is_whole = len(text) <= PIECE_BYTES
    parts: list[Array | None] = []
    beyond: tuple[int, float] | None = None
    done = 0
    for piece in ((0, len(text), 0, 0),) if is_whole else _pieces(text, rank):
        document = text if is_whole else _document(text, piece)
        try:
            numbers = _decoded(text, piece, document, rank, kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _error(text, piece, rank, kind, path) from None
        if kind == "bool":
            part: Array | None = np.array(numbers, bool)
        else:
            part, index = converted(numbers, fraction)
            if index is not None and beyond is None:
                beyond = done + index, numbers[index]
        parts.append(nudged(part, document, datatype) if part is not None and fraction else part)
        done += len(numbers)
    shape = (done,) if rank == 1 else _shape(text, rank, is_whole) if rank else ()
    if shape is None or math.prod(shape) != done:
        shape = _uneven(text, rank, path)
    array = parts[0] if is_whole else _joined(parts, done)
    if array is None:
        assert beyond  # noqa: S101 (a number that does not fit)
        index, number = beyond
        raise does_not_fit(number, fraction, path.flat(shape)(index), problem)
    return array if rank == 1 else array.reshape(shape)


def converted(numbers: Sequence[float], fraction: bool) -> tuple[Array | None, int | None]:
    """Return numbers as float64 or, without a `fraction`, int64 or uint64; None if one is beyond.

    Also return the index of the first number that does not fit float64 or int64, if any.
    """
    dtype = np.float64 if fraction else np.int64
    try:
        return np.array(numbers, dtype), None
    except OverflowError:
        index = next(i for i, number in enumerate(numbers) if not _fits(number, dtype))
    if not fraction:
        with contextlib.suppress(OverflowError):
            return np.array(numbers, np.uint64), index
    return None, index


def does_not_fit(number: float, fraction: bool, place: str, problem: str) -> RequestError:
    """Return the error for a number that `converted` cannot convert."""
    return invalid(f"{brief(number)} {'does not fit float64' if fraction else problem}", place)


def _fits(number: float, dtype: type[np.generic]) -> bool:
    try:
        np.array(number, dtype)
    except OverflowError:
        return False
    return True


def _has_fraction(text: Text, kind: Kind) -> bool:
    """Return whether numbers are float64: if any has a fraction or an exponent, all are."""
    return kind == "float" or b"." in text or b"e" in text or b"E" in text


def _joined(parts: Iterable[Array | None], size: int) -> Array | None:
    """Return `size` numbers in one dtype; None if one of int64 and uint64 does not hold them."""
    numbers: Array | None = None
    done = 0
    negative = False
    dtypes = set()
    for part in parts:
        if part is None or done + len(part) > size:
            return None
        if numbers is None:
            numbers = np.empty(size, part.dtype)
        # Integers of both dtypes have the same 64 bits.
        numbers[done : done + len(part)] = part.view(numbers.dtype)
        negative = negative or (part.dtype == np.int64 and bool((part < 0).any()))
        dtypes.add(part.dtype)
        done += len(part)
    if numbers is None or done < size or (negative and len(dtypes) > 1):
        return None
    return numbers.view(np.uint64) if len(dtypes) > 1 else numbers


@functools.cache
def _decoder(rank: int, kind: Kind) -> msgspec.json.Decoder[Any]:
    """Return msgspec's decoder for lists nested `rank` times."""
    element: Any = bool if kind == "bool" else int | float
    for _ in range(rank):
        element = list[element]
    return msgspec.json.Decoder(element)


def _decoded(text: Text, piece: _Piece, document: Text, rank: int, kind: Kind) -> list[Any]:
    """Return the numbers of a piece; raise DecodeError if it or the text around it is no JSON."""
    start, end, _, after = piece
    if (start and _NO_ELEMENT.match(text, start, end)) or (
        end < len(text) and (after <= 0 or text[start:end].rstrip(SPACE)[-1:] == b"[")
    ):
        raise msgspec.DecodeError
    numbers: Any = _decoder(rank, kind).decode(document)
    if not rank:
        return [numbers]
    for _ in range(rank - 1):
        numbers = chain.from_iterable(numbers)
    return list(numbers)


def _error(text: Text, piece: _Piece, rank: int, kind: Kind, path: Path) -> RequestError:
    """Return the error in the text from `piece` on.

    The piece itself may end within a string or an object, which can have commas.
    """
    start, _, depth, _ = piece
    before, indices = b"", _indices(text[:start], rank)
    if start:
        # An element for the comma before the piece.
        before = b"[" * rank + b"0" + b"]" * (rank - depth) + b","
        indices[-1] -= 1
    rest = b"".join((before, memoryview(text)[start:])) if start else text
    try:
        _decoder(rank, kind).decode(rest)
    except msgspec.DecodeError as error:
        return refusal(error, rest, path, indices, start - len(before))
    except (UnicodeDecodeError, RecursionError) as error:
        return RequestError(f"Not JSON: {error} - at {path.prefix}")
    return RequestError(f"Not JSON - at {path.prefix}")


def _indices(text: Text, rank: int) -> list[int]:
    """Return the indices of the element after a text that is the beginning of an array."""
    for _ in range(rank):
        text = _INNERMOST.sub(b"", text)  # only the lists that are open remain
    return [part.count(b",") for part in text.split(b"[")[1:]]


def _parse(text: Text, fraction: bool, datatype: str) -> Array | None:
    """Return the numbers in nested lists as float64 or, without a `fraction`, int64 or uint64.

    None if that fails. `datatype` is the one that floats will be cast to.
    """
    parser = _parsers.pop() if _parsers else simdjson.Parser()
    numbers = None
    # The exceptions that simdjson raises; a BIGINT_ERROR is a RuntimeError.
    with contextlib.suppress(RuntimeError, TypeError, ValueError):
        document: Any = parser.parse(text)
        try:
            numbers = _extract(document, "d" if fraction else "i")
        except (TypeError, ValueError):
            # Do not read integers as floats: those beyond int64 would be rounded.
            numbers = None if fraction else _extract(document, "u")
    # Not reached after a MemoryError: the parser must not be used again then.
    _parsers.append(parser)
    return numbers if numbers is None or not fraction else nudged(numbers, text, datatype)


def _extract(document: simdjson.Array, of_type: Literal["i", "u", "d"]) -> Array:
    return np.frombuffer(document.as_buffer(of_type=of_type), _DTYPES[of_type])


def _shape(text: Text, rank: int, is_whole: bool) -> tuple[int, ...] | None:
    """Return the shape of an array, None if it is not certainly regular.

    A list that is parsed as a whole may have any size: (-1,).
    """
    if rank == 1:
        # Only one bracket: `bytes.count` takes five times as long.
        if text.find(b"[") != text.rfind(b"["):
            return None
        return (-1,) if is_whole else (_count(text, b",") + 1,)
    skeleton = text.translate(None, _NUMBER_BYTES)
    # The first list at each depth, from the innermost outwards, must repeat what it begins with.
    inner = 0
    shape: list[int] = []
    for depth in reversed(range(rank)):
        brackets = rank - depth
        end = skeleton.find(b"]" * brackets) + brackets
        if skeleton[: depth + 1] != b"[" * (depth + 1) or end < brackets:
            return None
        if not _repeats(skeleton, depth + 1, end - 1, inner + 1):
            return None
        shape.append(0 if not shape and _EMPTY.match(text) else (end - depth - 1) // (inner + 1))
        inner = end - depth
    return tuple(shape[::-1]) if inner == len(skeleton) else None


def _repeats(skeleton: Text, start: int, end: int, period: int) -> bool:
    """Return whether a part of the text is its first `period - 1` bytes, repeated after commas."""
    if (end - start + 1) % period:
        return False
    if end - start >= period and skeleton[start + period - 1] != ord(","):
        return False
    pieces = ((at, min(at + PIECE_BYTES, end - period)) for at in range(start, end, PIECE_BYTES))
    return all(skeleton[a:b] == skeleton[a + period : b + period] for a, b in pieces if a < b)


def _count(text: Text, byte: bytes) -> int:
    """Return how often a frequent byte occurs; `bytes.count` is made for rare ones."""
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord(byte)))


def _uneven(text: Text, rank: int, path: Path) -> tuple[int, ...]:
    """Return the shape of nested lists of numbers, of which some may be empty.

    Raises:
        RequestError: lists at the same depth differ in length.
    """
    depth = 0
    starts, sizes, counts = [0] * (rank + 1), [0] * (rank + 1), [0] * (rank + 1)
    shape: list[int | None] = [None] * (rank + 1)
    uneven: dict[int, tuple[int, int]] = {}
    for bracket in _BRACKETS.finditer(text):
        at = bracket.start()
        if text[at] == ord("["):
            sizes[depth] += 1
            depth += 1
            starts[depth], sizes[depth] = at + 1, 0
            continue
        if depth == rank:
            start = starts[depth]
            filled = text[start:at].strip(SPACE)
            sizes[depth] = text.count(b",", start, at) + 1 if filled else 0
        if shape[depth] is None:
            shape[depth] = sizes[depth]
        elif sizes[depth] != shape[depth]:
            uneven.setdefault(depth, (counts[depth], sizes[depth]))
        counts[depth] += 1
        depth -= 1
    found = tuple(size or 0 for size in shape[1:])
    if uneven:
        level = min(uneven)
        index, size = uneven[level]
        raise invalid(
            f"Expected a list of {found[level - 1]}, like the first one, got {size}",
            path.at(np.unravel_index(index, found[: level - 1])),
        )
    return found
