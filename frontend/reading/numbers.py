"""Convert an array of texts to numbers: exact int64, or float64 if there is a fraction."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from frontend.reading import notation
from frontend.reading.notation import Marks

# The number of invalid texts that an error names; it counts the rest.
NAMED = 5
TEXT = pa.large_string()
# From this number of digits on, float64 does not represent every integer.
ROUNDED_DIGITS = 16
OUT_OF_INT64 = "is outside the 64-bit integers (-9223372036854775808 to 9223372036854775807)"
OUT_OF_FLOAT64 = "is too large for float64"


class Numbers(NamedTuple):
    """Finite int64 or float64, 1-D; a note for each part that could have been read differently."""

    values: np.ndarray
    notes: tuple[str, ...] = ()


class NotNumbersError(ValueError):
    """The input contains something other than numbers, so it is not sent.

    Attributes:
        title: a headline.
        sentences: one for each of the first `NAMED` problems, with its place, and their number.
        ambiguous: whether it could be read if the meaning of its commas were known.
    """

    title = "These are not all numbers; nothing was sent"

    def __init__(self, problems: list[str], *, ambiguous: bool = False, title: str = "") -> None:
        super().__init__("; ".join(problems[:NAMED]))
        more = len(problems) - NAMED
        self.sentences = problems[:NAMED] + ([f"… and {more:,} more like these"] * (more > 0))
        self.ambiguous, self.title = ambiguous, title or self.title


class TooMuchError(NotNumbersError):
    """The input is larger than the page allows; the message contains the limit."""

    title = "This is more than the page takes; nothing was sent"


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

    def named(self, index: int) -> str:
        """Return the position and the text at an index."""
        return f"{self.place(index)}: {brief(self.texts[index].as_py())}"


def column(texts: Iterable[str]) -> pa.Array:
    """Return an array of strings."""
    return pa.array(texts, TEXT)


def to_numbers(source: Source, marks: Marks | None = None) -> Numbers:
    """Return the texts as numbers, or raise NotNumbersError; without `marks`, they decide."""
    if not len(source.texts):
        raise NotNumbersError(["It contains no number"])
    texts, notes = _plain(source, marks)
    integers = pc.match_substring_regex(texts, notation.INTEGER)
    if pc.all(integers).as_py():
        return Numbers(_int64(texts, source.place), (*source.notes, *notes))
    values = _array(pc.cast(texts, pa.float64()))
    _refuse(~np.isfinite(values), source, lambda _: OUT_OF_FLOAT64)
    rounded = _rounded(texts, integers, values, source.place)
    return Numbers(values, (*source.notes, *notes, *rounded))


def _plain(source: Source, marks: Marks | None) -> tuple[pa.Array, list[str]]:
    """Return the texts with numbers as in JSON, and a note if one was changed."""
    texts = source.texts
    point, comma = _matches(texts, notation.POINT), _matches(texts, notation.COMMA)
    _refuse(~(point | comma), source, lambda i: notation.reason(texts[i].as_py()))
    notes = []
    if marks:
        decimal_comma = marks is Marks.DECIMAL_COMMA
        other = ~(comma if decimal_comma else point)
        _refuse(other, source, lambda _: f"is not written like {marks.value}")
    else:
        decimal_comma = not point.all()
        if decimal_comma and not comma.all():
            first, second = (source.named(int(np.argmin(each))) for each in (comma, point))
            problem = f"{first} has a decimal point, but {second} has a decimal comma"
            raise NotNumbersError([problem])
        if comma.all() and not decimal_comma:
            either = _matches(texts, notation.COMMA_OR_THOUSANDS)
            _refuse(either, source, lambda i: notation.reason(texts[i].as_py()), ambiguous=True)
            either = _matches(texts, notation.POINT_OR_THOUSANDS)
            for i in np.flatnonzero(either)[:1].tolist():
                notes.append(f"{source.named(i)} was read as a fraction, not as thousands")
    normal = notation.normalize(texts, decimal_comma=decimal_comma)
    changed = np.flatnonzero(_array(pc.not_equal(normal, texts)))
    for i in changed[:1].tolist():
        rest = f", and {len(changed) - 1:,} more like it" if len(changed) > 1 else ""
        notes.append(f"{source.named(i)} was read as {normal[i].as_py()}{rest}")
    return normal, notes


def _int64(texts: pa.Array, place: Callable[[int], str]) -> np.ndarray:
    try:
        return _array(pc.cast(pc.replace_substring_regex(texts, r"^\+", ""), pa.int64()))
    except pa.ArrowInvalid:
        # A cut number is still out of range; Python does not convert one of thousands of digits.
        cut = (int(text[:30]) for text in texts.to_pylist())
        wrong = np.fromiter((not -(2**63) <= number < 2**63 for number in cut), bool)
        _refuse(wrong, Source(texts, place), lambda _: OUT_OF_INT64)
        raise


def _rounded(
    texts: pa.Array, integers: pa.Array, values: np.ndarray, place: Callable[[int], str]
) -> list[str]:
    """Return a note with the first integer that float64 does not represent exactly, if any."""
    long = pc.greater_equal(pc.binary_length(texts), ROUNDED_DIGITS)
    for i in np.flatnonzero(_array(pc.and_(integers, long))).tolist():
        if int(texts[i].as_py()) != int(values[i]):
            return [
                "A fraction makes the whole list float64, which does not hold every integer. "
                f"{place(i)}: {texts[i].as_py()} becomes {float(values[i])!r}"
            ]
    return []


def _refuse(
    wrong: np.ndarray, source: Source, reason: Callable[[int], str], *, ambiguous: bool = False
) -> None:
    """Raise NotNumbersError for the texts where `wrong` is true, if there are any."""
    indices = np.flatnonzero(wrong)
    if not len(indices):
        return
    named = [f"{source.named(i)} {reason(i)}" for i in indices[:NAMED].tolist()]
    raise NotNumbersError([*named, *[""] * (len(indices) - len(named))], ambiguous=ambiguous)


def _matches(texts: pa.Array, pattern: str) -> np.ndarray:
    return _array(pc.match_substring_regex(texts, pattern))


def _array(found: pa.Array) -> np.ndarray:
    return cast("np.ndarray", found.to_numpy(zero_copy_only=False))


def brief(text: str) -> str:
    """Return at most 40 characters of `text` in quotes, with unprintable characters escaped."""
    shown = "".join(
        c if c.isprintable() or c in "\u00a0\u202f" else f"\\u{ord(c):04x}" for c in text[:40]
    )
    return f"“{shown}”" if len(text) <= 40 else f"“{shown}…”"  # noqa: PLR2004
