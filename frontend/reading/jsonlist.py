"""A JSON list of numbers."""

from __future__ import annotations

import json
import re

import pyarrow as pa

from frontend.reading import separated
from frontend.reading.notation import Marks
from frontend.reading.numbers import TEXT, NotNumbersError, Source, brief

# A list as Python and NumPy print it: with a comma at its end, with "1.", without commas.
_PRINTED = re.compile(
    r"\s*(?:(?:np\.|torch\.)?(?:array|tensor)\()?\[([^\[\]{}\"]*)\](?:(?:, ?\w+=[\w.]+)*\))?\s*"
)


class _Number(str):
    """A number as written in the JSON text."""

    __slots__ = ()


def read(text: str, marks: Marks | None = None) -> Source:
    """Return the elements of the list.

    Raises:
        NotNumbersError: it is not JSON, not a list, or an element is not a number.
    """
    try:
        found = json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
    except json.JSONDecodeError as error:
        if printed := _PRINTED.fullmatch(text):
            # Spaces in place of the rest keep the places of the numbers.
            before = re.sub(r"\S", " ", text[: printed.start(1)])
            return separated.read(before + printed[1], marks)
        place = f"Line {error.lineno}, column {error.colno}"
        raise NotNumbersError([f"{place}: not JSON: {error.msg}"]) from None
    except RecursionError:
        raise NotNumbersError(["Lists in lists: expected one list of numbers"]) from None
    if not isinstance(found, list):
        raise NotNumbersError([f"Expected a JSON list like [1, 2, 3], got {_kind(found)}"])
    wrong = [i for i, value in enumerate(found) if not isinstance(value, _Number)]
    if wrong:
        raise NotNumbersError([_problem(i, found[i]) for i in wrong])
    return Source(pa.array(found, TEXT), lambda index: f"Item {index + 1} of the list")


def _problem(index: int, value: object) -> str:
    # The content of a list or an object would make the message too long.
    text = "" if isinstance(value, list | dict) else f"{brief(json.dumps(value))} "
    return f"Item {index + 1} of the list: {text}is {_kind(value)}, not a number"


def _kind(value: object) -> str:
    kinds: dict[type, str] = {dict: "an object", list: "a list", str: "a text", _Number: "a number"}
    return kinds.get(type(value), "null" if value is None else "true or false")
