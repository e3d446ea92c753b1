"""The ways in which people and programs of many countries write numbers."""

import re
import unicodedata
from enum import Enum

import pyarrow as pa
import pyarrow.compute as pc

# Patterns for RE2, which matches a whole array in linear time.
# A JSON number (RFC 8259, section 6), and also "+1", ".5" and "5.". No leading zeros: they may be
# the rest of "1,000", with its comma taken as a separator.
INTEGER = r"^[+-]?(0|[1-9][0-9]*)$"
_EXPONENT = r"([eE][+-]?[0-9]+)?"
NUMBER = rf"^[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+){_EXPONENT}$"

# Thousands separators besides the comma and the point: no-break spaces, a plain space in a cell,
# apostrophes.
NO_BREAK = "\u00a0\u202f\u2007\u2009"
_MARKS = f"[ {NO_BREAK}'\u2019]"
_FIRST = r"[+-]?[1-9][0-9]{0,2}"


def _grouped(mark: str) -> str:
    """Return a pattern for digits in groups of three; RE2 has no backreferences."""
    marks = (mark, " ", "['\u2019]", f"[{NO_BREAK}]")
    return "|".join(f"{_FIRST}({each}[0-9]{{3}})+" for each in marks)


# India groups the digits before the last three in pairs.
_POINT_GROUPS = rf"{_grouped(',')}|[+-]?[1-9][0-9]?(,[0-9]{{2}})+,[0-9]{{3}}"
_COMMA_GROUPS = _grouped(r"\.")
_POINT_STYLE = rf"^({_POINT_GROUPS})(\.[0-9]+)?$"
_WHOLE = r"[+-]?(0|[1-9][0-9]*)"
_COMMA_STYLE = rf"^(({_COMMA_GROUPS})(,[0-9]+)?|{_WHOLE},[0-9]+{_EXPONENT}|[+-]?,[0-9]+)$"
# A number with a decimal point, and one with a decimal comma; an integer is both.
POINT = rf"{NUMBER}|{_POINT_STYLE}"
COMMA = rf"^{_WHOLE}{_EXPONENT}$|{_COMMA_STYLE}"
# Both, too: thousands, or a fraction with three digits.
COMMA_OR_THOUSANDS = rf"^{_FIRST},[0-9]{{3}}$"
POINT_OR_THOUSANDS = rf"^{_FIRST}\.[0-9]{{3}}$"
# One number with two different marks, or several groups with a point: its commas do not separate.
_CERTAIN = (
    rf"^({_FIRST}(,[0-9]{{3}})+\.[0-9]+|{_FIRST}(\.[0-9]{{3}})+,[0-9]+"
    rf"|{_FIRST}(\.[0-9]{{3}}){{2,}}|{_FIRST}([ {NO_BREAK}][0-9]{{3}})+,[0-9]+"
    rf"|[+-]?[1-9][0-9]?(,[0-9]{{2}})+,[0-9]{{3}}\.[0-9]+)$"
)


class Marks(Enum):
    """The meaning of commas and points, as a user chooses it; the value is its name."""

    SEPARATOR = "1, 2.5 (a comma separates numbers)"
    DECIMAL_POINT = "1,234.5 (decimal point)"
    DECIMAL_COMMA = "1.234,5 (decimal comma)"


def are_certain(texts: pa.Array) -> bool:
    """Return whether each text is one number, and one of them shows the use of its commas."""
    if not len(texts) or not pc.any(pc.match_substring_regex(texts, _CERTAIN)).as_py():
        return False
    return bool(pc.all(pc.match_substring_regex(texts, f"{POINT}|{COMMA}")).as_py())


def normalize(texts: pa.Array, *, decimal_comma: bool) -> pa.Array:
    """Return numbers of one style as in JSON."""
    of_style = _COMMA_STYLE if decimal_comma else _POINT_STYLE
    group, point = (r"\.", ".") if decimal_comma else (",", ",")
    bare = pc.replace_substring_regex(texts, f"{group}|{_MARKS}", "")
    bare = pc.replace_substring(bare, ",", point)
    return pc.if_else(pc.match_substring_regex(texts, of_style), bare, texts)


_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|mai|okt|dez"
_NOT_A_NUMBER = "is not a number"
# Texts that look like numbers, in the order in which they are checked.
_REASONS: list[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in [
        (r"\s*", "is an empty field"),
        (r"[+-]?(nan|inf|infinity)", "is not a finite number"),
        (r"[=@].*|[+-][a-z(].*", "is a formula: export or paste its value"),
        (
            rf".*\d[-/.]\d+[-/.]\d.*|\d+:\d.*|.*\b({_MONTHS})[a-z]*\b.*\d.*|\d.*\b({_MONTHS})\b.*",
            "is a date or a time, not a number",
        ),
        (r".*[%‰].*\d.*|.*\d.*[%‰]", "is a percentage: write 0.5 or 50"),
        (r"[a-z]{3} ?[+-]?\d.*|[+-]?\d[\d.,]* ?[A-Z]{3}", "has a unit or a currency next to it"),
        (r"\([^()]*\d[^()]*\)", "is in parentheses: write a negative number with a minus"),
        (r"[+-]?[1-9]\d{0,2},\d{3}", "could be a fraction or thousands: write it with a point"),
        (r"[+-]?0\d+", "begins with a zero"),
        (rf"[+-]?\d[\d.,]*[ {NO_BREAK}]\d.*", "has a space in it, not between thousands"),
        (r"#?n/?a|null|none|-|#.*[!?]", "stands for a missing value"),
    ]
]


def reason(text: str) -> str:
    """Return the reason why a text is not a number."""
    if any(unicodedata.category(c) == "Sc" for c in text) and any(map(str.isdigit, text)):
        return "has a currency sign: write the number alone"
    found = (why for pattern, why in _REASONS if pattern.fullmatch(text))
    return next(found, _NOT_A_NUMBER)


def is_heading(text: str) -> bool:
    """Return whether a cell must be a name: it begins with a letter and resembles no number."""
    return text[:1].isalpha() and reason(text) == _NOT_A_NUMBER
