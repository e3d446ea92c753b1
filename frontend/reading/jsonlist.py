"""A JSON list of numbers."""

from __future__ import annotations

import json
import re

import pyarrow as pa
import pyarrow.compute as pc

from frontend.reading import separated
from frontend.reading.numeric import TEXT, NotNumbersError, Source, brief, column

_FLAT = re.compile(r"\s*\[[-+.0-9eE,\s]*\]\s*")
# A list as Python and NumPy print it: with a comma at its end, with "1.", without commas.
_PRINTED = re.compile(
    r"\s*(?:(?:np\.|torch\.)?(?:array|tensor)\()?\[([^\[\]{}\"]*)\](?:(?:, ?\w+=[\w.]+)*\))?\s*"
)
_NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"


class _Number(str):
    """A number as written in the JSON text."""

    __slots__ = ()


def read(text: str) -> Source:
    """Return the elements of the list.

    Raises:
        NotNumbersError: it is not JSON, not a list, or an element is not a number.
    """

    def place(index: int) -> str:
        return f"Item {index + 1} of the list"

    if _FLAT.fullmatch(text):
        inner = column([text.strip()[1:-1].strip(" \t\r\n")])
        texts = pc.split_pattern(
            pc.replace_substring_regex(inner, r"[ \t\r\n]*,[ \t\r\n]*", ","), ","
        ).flatten()
        if pc.all(pc.match_substring_regex(texts, _NUMBER)).as_py():
            return Source(texts, place)
    printed = _PRINTED.fullmatch(text)
    if printed and not _is_json(text):
        # Spaces in place of the rest keep the places of the numbers.
        before = re.sub(r"\S", " ", text[: printed.start(1)])
        return separated.read(before + printed[1])
    return Source(_strictly(text), place)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _strictly(text: str) -> pa.Array:
    """Parse with a slower parser that reports what is wrong."""
    try:
        found = json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
    except json.JSONDecodeError as error:
        place = f"Line {error.lineno}, column {error.colno}"
        raise NotNumbersError([f"{place}: not JSON: {error.msg}"]) from None
    except RecursionError:
        raise NotNumbersError(["Lists in lists: expected one list of numbers"]) from None
    if not isinstance(found, list):
        raise NotNumbersError([f"Expected a JSON list like [1, 2, 3], got {_kind(found)}"])
    wrong = [i for i, value in enumerate(found) if not isinstance(value, _Number)]
    if wrong:
        raise NotNumbersError([_problem(i, found[i]) for i in wrong[:5]], len(wrong[5:]))
    return pa.array(found, TEXT)


def _problem(index: int, value: object) -> str:
    # The content of a list or an object would make the message too long.
    text = "" if isinstance(value, list | dict) else json.dumps(value, ensure_ascii=False)
    shown = f"{brief(text)} " if text else ""
    return f"Item {index + 1} of the list: {shown}is {_kind(value)}, not a number"


def _kind(value: object) -> str:
    kinds: dict[type, str] = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        _Number: "a number",
    }
    return kinds.get(type(value), "null")
