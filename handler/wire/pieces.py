"""Reads JSON arrays in pieces, without a Python object for each number.

simdjson parses the text between two commas, with the brackets that are open there added at both
ends, and writes the numbers directly into an array. It checks the grammar but flattens nested
lists, so NumPy compares the brackets around the commas with those of an array of the same shape.
A piece that simdjson or this comparison does not accept goes to msgspec, whose errors say what is
wrong and where. So memory beyond the text and the array is limited by the size of a piece.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Sequence
from itertools import chain
from typing import Any, Literal, cast

import msgspec
import numpy as np
import simdjson

from wire.datatypes import Array, nudged
from wire.errors import RequestError, brief, invalid
from wire.messages import refusal
from wire.paths import Path

Text = bytes | bytearray
MAX_DIMENSIONS = 8
# A parser keeps several times the memory of its largest document. Larger pieces are not faster.
PIECE_BYTES = 1 << 20

SPACE = b" \t\r\n"
_NUMBER_BYTES = b"0123456789+-.eE" + SPACE
_BRACKETS = re.compile(rb"[\[\]]")
# What follows a comma without an element.
_NO_ELEMENT = re.compile(rb"[ \t\r\n]*(?:\]|\Z)")
_INT64 = np.iinfo(np.int64)

# `auto`: int64 if all numbers are integers (uint64 if int64 cannot hold them), otherwise float64.
# `float`: float64. `bool`: true and false instead of numbers.
Kind = Literal["auto", "float", "bool"]

_parsers = [simdjson.Parser()]
_DTYPES: dict[str, type[np.generic]] = {"i": np.int64, "u": np.uint64, "d": np.float64}


@functools.cache
def decoder(rank: int, kind: Kind) -> msgspec.json.Decoder[Any]:
    """Return msgspec's decoder for lists nested `rank` times."""
    element: Any = bool if kind == "bool" else int | float
    for _ in range(rank):
        element = list[element]
    return msgspec.json.Decoder(element)


def _parse(text: Text, fraction: bool) -> Array | None:
    """Return the numbers in nested lists as int64, uint64 or float64; None if that fails.

    Args:
        text: the lists as JSON.
        fraction: whether all numbers are read as float64.
    """
    parser = _parsers.pop() if _parsers else simdjson.Parser()
    numbers = None
    # The exceptions that simdjson raises; a BIGINT_ERROR is a RuntimeError.
    with contextlib.suppress(RuntimeError, TypeError, ValueError):
        numbers = _extract(cast("simdjson.Array", parser.parse(text)), text, fraction)
    # Not reached after a MemoryError: the parser must not be used again then.
    _parsers.append(parser)
    return numbers


def _extract(document: simdjson.Array, text: Text, fraction: bool) -> Array:
    of_type: Literal["i", "u", "d"] = "d"
    if not fraction:
        try:
            return np.frombuffer(document.as_buffer(of_type="i"), np.int64)
        except (TypeError, ValueError):
            # Do not read integers as floats: those beyond int64 would be rounded.
            of_type = "d" if any(byte in text for byte in (b".", b"e", b"E")) else "u"
    return np.frombuffer(document.as_buffer(of_type=of_type), _DTYPES[of_type])


def flat(text: Text, kind: Kind, datatype: str) -> Array | None:
    """Return a list of numbers; None unless it is one piece and certainly valid.

    The arguments are those of `Pieces`, which takes longer for short lists.
    """
    if len(text) > PIECE_BYTES or _is_nested(text):
        return None
    numbers = _parse(text, kind == "float")
    if numbers is not None and numbers.dtype == np.float64:
        numbers = nudged(numbers, text, datatype)
    return numbers


class Pieces:
    """The reading of one array."""

    def __init__(self, text: Text, rank: int, kind: Kind, datatype: str) -> None:
        """Prepare to read.

        Args:
            text: an array as JSON, without leading white space.
            rank: its number of dimensions, at least 1.
            kind: the type of the numbers; `bool` is not read in pieces.
            datatype: the datatype that floats will be cast to.
        """
        self._text, self._rank, self._kind, self._datatype = text, rank, kind, datatype
        self._is_whole = len(text) <= PIECE_BYTES
        self._grid = _Grid(rank)
        # 64 bits for each number: of an int64, uint64 or float64, as `_parts` says.
        self._numbers: Array | None = None
        self._parts: list[tuple[int, int, str]] = []
        self._done = self._at = self._depth = 0
        self._fraction = kind == "float"
        self._beyond: tuple[int, int] | None = None
        self._too_large: tuple[int, int] | None = None
        # The indices of the next element, once the lists have turned out to be irregular.
        self._indices: list[int] | None = None

    def quick(self) -> Array | None:
        """Return the array; None unless the text is certainly a valid, regular array."""
        while self._at <= len(self._text):
            if not self._quick():
                return None
        numbers = self._joined()
        return None if numbers is None else numbers.reshape(self._grid.shape(self._done))

    def careful(self, path: Path, problem: str) -> Array:
        """Continue after `quick` has returned None.

        Raises:
            RequestError: the text is not such an array; see `wire.arrays.read`.
        """
        while self._at <= len(self._text):
            if self._indices is not None or not self._quick():
                self._careful(path)
        regular = self._indices is None
        shape = self._grid.shape(self._done) if regular else _shape(self._text, self._rank, path)
        if self._fraction and self._too_large:
            index, number = self._too_large
            raise invalid(f"{brief(number)} does not fit float64", path.flat(shape)(index))
        numbers = self._joined()
        if numbers is None:
            index, number = self._first_beyond()
            raise invalid(f"{brief(number)} {problem}", path.flat(shape)(index))
        return numbers.reshape(shape)

    def _piece(self) -> tuple[int, int]:
        """Return where the next piece ends, and how many lists are open there."""
        text, at = self._text, self._at
        end = text.find(b",", at + PIECE_BYTES)
        if end < 0:
            return len(text), 0
        if self._rank == 1:
            return end, 1  # brackets elsewhere are errors, which the parsers find
        depth = self._depth + text.count(b"[", at, end) - text.count(b"]", at, end)
        return end, depth

    def _is_broken(self, end: int, depth: int) -> bool:
        """Return whether the text is not JSON, although the piece with its brackets may be."""
        text, at = self._text, self._at
        if at and _NO_ELEMENT.match(text, at, end):
            return True
        return end < len(text) and (depth <= 0 or text[at:end].rstrip(SPACE)[-1:] == b"[")

    def _document(self, end: int, depth: int) -> Text:
        if self._is_whole:
            return self._text
        piece = memoryview(self._text)[self._at : end]
        return b"".join((b"[" * self._depth, piece, b"]" * depth))

    def _quick(self) -> bool:
        """Read the next piece with simdjson; return False if it is not certainly valid."""
        end, depth = self._piece()
        if depth > self._rank or self._is_broken(end, depth):
            return False
        document = self._document(end, depth)
        part = _parse(document, self._fraction)
        if part is None or not self._grid.add(document, self._depth, depth, len(part), self._done):
            return False
        if part.dtype == np.float64:
            self._fraction = True
            part = nudged(part, document, self._datatype)
        self._keep(part, part.dtype.kind)
        self._at, self._depth = end + 1, depth
        return True

    def _keep(self, part: Array, kind: str) -> None:
        done, size = self._done, len(part)
        if self._is_whole:
            self._numbers = part.view(np.int64)
        else:
            if self._numbers is None:
                self._numbers = np.empty(_count(self._text, b",") + 1, np.int64)
            self._numbers[done : done + size] = part.view(np.int64)
        self._parts.append((done, done + size, kind))
        self._done = done + size

    def _careful(self, path: Path) -> None:
        """Read the next piece with msgspec."""
        end, depth = self._piece()
        indices = self._grid.indices(self._done, self._depth)
        if self._indices is not None:
            indices = self._indices
        document = self._document(end, max(depth, 0))
        try:
            if self._is_broken(end, depth):
                raise msgspec.DecodeError  # noqa: TRY301 (the message comes from `_error`)
            nested = decoder(self._rank, self._kind).decode(document)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._error(path, indices) from None
        flat = nested
        for _ in range(self._rank - 1):
            flat = list(chain.from_iterable(flat))
        size = len(flat)
        if self._indices is not None or not self._grid.add(
            document, self._depth, depth, size, self._done
        ):
            self._indices = _after(nested, indices, depth)
        self._keep_objects(flat, document)
        self._at, self._depth = end + 1, depth

    def _error(self, path: Path, indices: Sequence[int]) -> RequestError:
        """Return the error in the rest of the text.

        The piece itself may end within a string or an object, which can have commas.
        """
        before, start = b"", list(indices)
        if self._at:
            # An element for the comma before the piece.
            before = b"[" * self._rank + b"0" + b"]" * (self._rank - self._depth) + b","
            start[-1] -= 1
        rest = b"".join((before, memoryview(self._text)[self._at :]))
        try:
            decoder(self._rank, self._kind).decode(rest)
        except msgspec.DecodeError as error:
            return refusal(error, rest, path, start, self._at - len(before))
        except (UnicodeDecodeError, RecursionError) as error:
            return RequestError(f"Not JSON: {error} - at {path.prefix}")
        return RequestError(f"Not JSON - at {path.prefix}")

    def _keep_objects(self, numbers: list[Any], text: Text) -> None:
        if float in map(type, numbers):
            self._fraction = True
        array = np.array(numbers) if numbers else np.array([], np.int64)
        if not self._fraction and array.dtype == np.int64:
            self._keep(array, "i")
            return
        outside = (i for i, n in enumerate(numbers) if not _INT64.min <= n <= _INT64.max)
        if self._beyond is None and (index := next(outside, None)) is not None:
            self._beyond = (self._done + index, numbers[index])
        if not self._fraction:
            with contextlib.suppress(OverflowError):
                self._keep(np.array(numbers, np.uint64), "u")
                return
        floats = np.empty(len(numbers))
        for i, number in enumerate(numbers):
            try:
                floats[i] = number
            except OverflowError:
                floats[i] = np.inf
                self._too_large = self._too_large or (self._done + i, number)
        # `o`: rounded, but integers as far as is known.
        self._keep(nudged(floats, text, self._datatype), "f" if self._fraction else "o")

    def _joined(self) -> Array | None:
        """Return the numbers in one dtype; None if an integer fits neither int64 nor uint64."""
        if self._numbers is None:
            return np.empty(0, np.float64 if self._fraction else np.int64)
        numbers = self._numbers[: self._done]
        kinds = {kind for *_, kind in self._parts}
        if self._fraction:
            floats = numbers.view(np.float64)
            for start, end, kind in self._parts:
                if kind in "iu":
                    whole = numbers[start:end].view(_DTYPES[kind]).copy()
                    floats[start:end] = nudged(whole.astype(np.float64), whole, self._datatype)
            return floats
        if kinds == {"i"}:
            return numbers
        negative = any(kind == "i" and (numbers[a:b] < 0).any() for a, b, kind in self._parts)
        return None if "o" in kinds or negative else numbers.view(np.uint64)

    def _first_beyond(self) -> tuple[int, int]:
        """Return index and value of the first integer outside int64."""
        numbers = self._numbers
        assert numbers is not None  # noqa: S101 (there is such an integer)
        beyond = [self._beyond] if self._beyond else []
        for start, end, kind in self._parts:
            if kind == "u":
                part = numbers[start:end].view(np.uint64)
                if (part > _INT64.max).any():
                    index = int(np.argmax(part > _INT64.max))
                    beyond.append((start + index, int(part[index])))
        return min(beyond)


class _Grid:
    """Checks that nested lists are regular, and determines their shape, piece by piece."""

    def __init__(self, rank: int) -> None:
        self._rank = rank
        # How many numbers a list at each depth has, from the innermost outwards, as far as known.
        self._sizes: list[int] = []
        # Lists that ended before the comma between two pieces.
        self._ended = rank

    def add(self, document: Text, before: int, after: int, count: int, done: int) -> bool:
        """Check a piece.

        Args:
            document: the piece, with the brackets of the lists that are open at both ends.
            before: lists that are open before the piece; 0 for the first one.
            after: lists that are open after it; 0 for the last one.
            count: numbers in it.
            done: numbers before it.
        """
        rank = self._rank
        if rank == 1:
            return not _is_nested(document)
        if count != _count(document, b",") + 1:
            return False
        skeleton = np.frombuffer(document.translate(None, _NUMBER_BYTES), np.uint8)
        edges = np.concatenate(([0], np.flatnonzero(skeleton == ord(",")), [len(skeleton)]))
        starts = _counts(skeleton == ord("["), edges)
        ends = _counts(skeleton == ord("]"), edges)
        starts[0] -= before
        ends[-1] -= after
        if starts[0] != self._ended or (starts[1:] != ends[:-1]).any():
            return False
        places = np.flatnonzero(ends)
        depths, places = ends[places], places + (done + 1)
        if not after:
            if depths[-1] != rank:
                return False
            depths, places = depths[:-1], places[:-1]
        self._ended = int(ends[-1])
        last = done + count - (0 if after else 1)
        for depth in range(1, rank):
            here = places[depths >= depth]
            if len(self._sizes) < depth:
                if not len(here):
                    break
                self._sizes.append(int(here[0]))
            size = self._sizes[depth - 1]
            if len(here) != last // size - done // size or (here % size).any():
                return False
        return not (depths >= rank).any() and (after > 0 or self._whole(done + count))

    def _whole(self, count: int) -> bool:
        return not self._sizes or count % self._sizes[-1] == 0

    def shape(self, count: int) -> tuple[int, ...]:
        """Return the shape of an array of `count` numbers."""
        sizes = [1, *self._sizes, *[count] * (self._rank - len(self._sizes))]
        return tuple(sizes[i + 1] // sizes[i] for i in range(self._rank))[::-1]

    def indices(self, done: int, depth: int) -> list[int]:
        """Return the indices of the number after `done` others, in the outermost lists only."""
        sizes = [1, *self._sizes]
        indices = [0] * (self._rank - len(sizes))
        for i in range(len(sizes))[::-1]:
            indices.append(done // sizes[i])
            done %= sizes[i]
        return indices[:depth]


def _is_nested(text: Text) -> bool:
    """Return whether a list contains lists. `bytes.count` takes five times as long."""
    return text.find(b"[") != text.rfind(b"[")


def _count(text: Text, byte: bytes) -> int:
    """Return how often a frequent byte occurs; `bytes.count` is made for rare ones."""
    return int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord(byte)))


def _counts(mask: Array, edges: Array) -> Array:
    """Return how many elements of a mask are set between each two edges."""
    sums = np.concatenate(([0], np.cumsum(mask)))
    return np.diff(sums[edges])


def _after(nested: Sequence[Any], indices: Sequence[int], depth: int) -> list[int]:
    """Return the indices of the element that follows a piece with `depth` lists still open."""
    after: list[int] = []
    first = True
    for level in range(depth):
        base = indices[level] if first and level < len(indices) else 0
        after.append(base + len(nested) - 1)
        first = first and len(nested) == 1
        if level < depth - 1:
            nested = nested[-1]
    if after:
        after[-1] += 1
    return after


def _shape(text: Text, rank: int, path: Path) -> tuple[int, ...]:
    """Return the shape of nested lists of numbers.

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
