"""Convert an array of texts to numbers: exact int64, or float64 if there is a fraction."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from frontend.reading import notation

# The number of invalid texts that an error names; it counts the rest.
NAMED = 5
TEXT = pa.large_string()
# From this number of digits on, float64 does not represent every integer.
ROUNDED_DIGITS = 16
OUT_OF_INT64 = "is outside the 64-bit integers (-9223372036854775808 to 9223372036854775807)"
OUT_OF_FLOAT64 = "is too large for float64"


@dataclass(frozen=True, eq=False)
class Numbers:
    """The numbers of an input.

    Attributes:
        values: 1-D, int64 or float64, finite.
        notes: a sentence for each part that could have been read in another way.
    """

    values: np.ndarray
    notes: tuple[str, ...] = ()


class NotNumbersError(ValueError):
    """The input contains something other than numbers.

    Attributes:
        problems: a sentence for each of the first `NAMED` problems, with position and reason.
        more: the number of further problems.
    """

    def __init__(self, problems: list[str], more: int = 0) -> None:
        """Set the problems."""
        super().__init__("; ".join(problems))
        self.problems = problems
        self.more = more


class TooMuchError(ValueError):
    """The input is larger than the page allows; the message contains the limit."""


@dataclass(frozen=True)
class Source:
    """Texts that should be numbers.

    Attributes:
        texts: an array of strings.
        place: returns the position in the input of the text at an index. It may be slow, because it
            is only called for messages.
        notes: notes for the user so far.
    """

    texts: pa.Array
    place: Callable[[int], str]
    notes: list[str] = field(default_factory=list)


def column(texts: Iterable[str]) -> pa.Array:
    """Return an array of strings."""
    return pa.array(texts, TEXT)


def to_numbers(source: Source) -> Numbers:
    """Return the texts as numbers.

    Raises:
        NotNumbersError: one of them is not a number, or there are none.
    """
    if not len(source.texts):
        raise NotNumbersError(["It contains no number"])
    texts, notes = _plain(source)
    integers = pc.match_substring_regex(texts, notation.INTEGER)
    if pc.all(integers).as_py():
        return Numbers(_int64(texts, source.place), (*source.notes, *notes))
    values = _array(pc.cast(texts, pa.float64()))
    _refuse(~np.isfinite(values), source, lambda _: OUT_OF_FLOAT64)
    rounded = _rounded(texts, integers, values, source.place)
    return Numbers(values, (*source.notes, *notes, *rounded))


def _plain(source: Source) -> tuple[pa.Array, list[str]]:
    """Return the texts with numbers as in JSON, and a note if one was changed."""
    texts = source.texts
    plain = pc.match_substring_regex(texts, notation.NUMBER)
    if pc.all(plain).as_py():
        i = notation.first_ambiguous(texts, notation.style(texts))
        if i < 0:
            return texts, []
        shown = brief(texts[i].as_py())
        return texts, [f"{source.place(i)}: {shown} was read as a fraction, not as thousands"]
    style = notation.style(texts)
    if style is notation.Style.MIXED:
        point, comma = (
            f"{source.place(i)}: {brief(texts[i].as_py())}" for i in notation.examples(texts)
        )
        raise NotNumbersError([f"{point} has a decimal point, but {comma} has a decimal comma"])
    normal = notation.normalize(texts, style)
    plain = pc.match_substring_regex(normal, notation.NUMBER)
    _refuse(~_array(plain), source, lambda i: notation.reason(texts[i].as_py()))
    changed = np.flatnonzero(_array(pc.not_equal(normal, texts)))
    if not len(changed):
        return normal, []
    i = int(changed[0])
    rest = f", and {len(changed) - 1:,} more like it" if len(changed) > 1 else ""
    return normal, [
        f"{source.place(i)}: {brief(texts[i].as_py())} was read as {normal[i].as_py()}{rest}"
    ]


def _int64(texts: pa.Array, place: Callable[[int], str]) -> np.ndarray:
    unsigned = pc.replace_substring_regex(texts, r"^\+", "")
    try:
        return _array(pc.cast(unsigned, pa.int64()))
    except pa.ArrowInvalid:
        # Only a text of 19 digits or more can be out of range.
        long = np.flatnonzero(_array(pc.greater_equal(pc.binary_length(texts), 19)))
        limits = np.iinfo(np.int64)
        out = np.zeros(len(texts), bool)
        for i in long.tolist():
            text = texts[i].as_py()
            digits = len(text.lstrip("+-"))
            out[i] = digits > 19 or not limits.min <= int(text) <= limits.max  # noqa: PLR2004
        _refuse(out, Source(texts, place), lambda _: OUT_OF_INT64)
        raise


def _rounded(
    texts: pa.Array, integers: pa.Array, values: np.ndarray, place: Callable[[int], str]
) -> list[str]:
    """Return a note with the first integer that float64 does not represent exactly, if any."""
    long = pc.greater_equal(pc.binary_length(texts), ROUNDED_DIGITS)
    for i in np.flatnonzero(_array(pc.and_(integers, long))).tolist():
        text, kept = texts[i].as_py(), float(values[i])
        if int(text) != int(kept):
            return [
                "A fraction makes the whole list float64, which does not hold every integer. "
                f"{place(i)}: {text} becomes {kept!r}"
            ]
    return []


def _refuse(wrong: np.ndarray, source: Source, reason: Callable[[int], str]) -> None:
    """Raise NotNumbersError for the texts where `wrong` is true, if there are any."""
    indices = np.flatnonzero(wrong)
    if not len(indices):
        return
    named = [
        f"{source.place(i)}: {brief(source.texts[i].as_py())} {reason(i)}"
        for i in indices[:NAMED].tolist()
    ]
    raise NotNumbersError(named, len(indices) - len(named))


def _array(found: pa.Array) -> np.ndarray:
    return cast("np.ndarray", found.to_numpy(zero_copy_only=False))


def brief(text: str) -> str:
    """Return at most 40 characters of `text` in quotes, with unprintable characters escaped."""
    shown = "".join(
        c if c.isprintable() or c in "\u00a0\u202f" else f"\\u{ord(c):04x}" for c in text[:40]
    )
    return f"“{shown}”" if len(text) <= 40 else f"“{shown}…”"  # noqa: PLR2004
