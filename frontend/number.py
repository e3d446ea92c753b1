"""One number as a person writes it: its exact value, or the reason why it is none."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

# A JSON number (RFC 8259, section 6), and beside it "+1", ".5" and "5.". No leading zeros: they
# are what is left of "1,000" once the comma has separated.
_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]+")
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
NOT_A_NUMBER = "is not a number"
# Python refuses to read longer integers: the time grows with the square of the digits.
MAX_DIGITS = 4300


@dataclass(frozen=True)
class Refused:
    """What stands where a number was expected, and what is wrong with it."""

    text: str
    reason: str


def read(text: str) -> int | float | Refused:
    """Return the exact integer, the nearest float64, or why `text` is neither."""
    if _INTEGER.fullmatch(text):
        if len(text) > MAX_DIGITS:
            return Refused(text, f"has more than {MAX_DIGITS} digits")
        return int(text)
    if _FLOAT.fullmatch(text):
        value = float(text)
        return value if math.isfinite(value) else Refused(text, "is too large for float64")
    if _LEADING_ZERO.match(text):
        return Refused(text, "begins with a zero (write 1000 without a separator)")
    if _NOT_FINITE.fullmatch(text):
        return Refused(text, "is not a finite number")
    return Refused(text, NOT_A_NUMBER)


def to_float(item: float | Refused) -> float | Refused:
    """Return an integer as the nearest float64, or say that it is too large for one."""
    if isinstance(item, Refused):
        return item
    try:
        return float(item)
    except OverflowError:
        return Refused(str(item), "is too large for float64, which a fraction makes of all")
