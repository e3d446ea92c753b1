"""Text and files to numbers; what is not a number is named with its place.

Three forms: numbers separated by commas, spaces or new lines; a JSON list; a CSV table, which is
read row by row. Integers stay exact. As the wire contract has it, a list with any fraction or
exponent is float64 as a whole.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath
from typing import NamedTuple, cast

from frontend import number
from frontend.number import Refused

# How many of the things that are not numbers an error names; it counts the rest.
NAMED = 5
FILE_TYPES = ("csv", "txt", "json")
_EMPTY = Refused("", "is an empty field")
_ITEM = re.compile(r"[^\s,]+|,")


@dataclass(frozen=True)
class Numbers:
    """What was read: `values` are all int or all float, `notes` are worth telling the person."""

    values: list[int] | list[float]
    notes: tuple[str, ...] = ()


class NotNumbersError(ValueError):
    """The input holds something else than numbers.

    Attributes:
        problems: a sentence for each of the first `NAMED`, with place and reason.
        more: how many there are beyond these.
    """

    def __init__(self, problems: list[str], more: int = 0) -> None:
        """Keep the sentences."""
        super().__init__("; ".join(problems))
        self.problems = problems
        self.more = more


Item = int | float | Refused


class _Source(NamedTuple):
    """What an input holds, and where the item at an index stands.

    Places are worked out when they are asked for: an input may hold millions of items.
    """

    items: list[Item]
    place: Callable[[int], str]


def parse(text: str) -> Numbers:
    """Read a JSON list if `text` begins like JSON, else separated numbers.

    Raises:
        NotNumbersError: something is not a number, or there is none at all.
    """
    return _collect(_json(text) if text.lstrip()[:1] in ("[", "{") else _separated(text))


def parse_file(name: str, content: bytes) -> Numbers:
    """Read a file by the end of its name: .csv, .json, or else as `parse` reads text.

    Raises:
        NotNumbersError: as `parse`; or the file is not text in UTF-8.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotNumbersError([f"Byte {error.start + 1}: the file is not text in UTF-8"]) from None
    suffix = PurePath(name).suffix.lower()
    if suffix == ".csv":
        heading, source = _csv(text)
        numbers = _collect(source)
        return Numbers(numbers.values, (*heading, *numbers.notes))
    return _collect(_json(text)) if suffix == ".json" else parse(text)


def _collect(source: _Source) -> Numbers:
    """Return the items, all as integers or all as float64."""
    items = source.items
    notes: tuple[str, ...] = ()
    if float in map(type, items):
        exact, items = items, [number.to_float(item) for item in items]
        notes = _rounded(exact, items, source.place)
    refused = [(i, item) for i, item in enumerate(items) if isinstance(item, Refused)]
    if refused:
        named = [f"{source.place(i)}: {_brief(r.text)} {r.reason}" for i, r in refused[:NAMED]]
        raise NotNumbersError(named, len(refused) - len(named))
    if not items:
        raise NotNumbersError(["There is no number in it"])
    return Numbers(cast("list[int] | list[float]", items), notes)


def _rounded(exact: list[Item], floats: list[Item], place: Callable[[int], str]) -> tuple[str, ...]:
    """Say that float64 cannot hold an integer beside a fraction, and name the first."""
    for i, (item, kept) in enumerate(zip(exact, floats, strict=True)):
        if item != kept and not isinstance(kept, Refused):
            return (
                "A fraction makes the whole list float64, which does not hold every integer. "
                f"{place(i)}: {item} becomes {kept!r}",
            )
    return ()


def _separated(text: str) -> _Source:
    def place(index: int) -> str:
        start = next(islice(_walk(text), index, None))[0]
        line = text.count("\n", 0, start) + 1
        return f"Line {line}, column {start - text.rfind(chr(10), 0, start)}"

    return _Source([_item(item) for _, item in _walk(text)], place)


def _walk(text: str) -> Iterator[tuple[int, str]]:
    """Yield where each item begins, and the item; a comma is one where it lacks its number."""
    lacking = True
    for match in _ITEM.finditer(text):
        item = match[0]
        if lacking or item != ",":
            yield match.start(), item
        lacking = item == ","


def _item(text: str) -> Item:
    return Refused(",", "has no number before it") if text == "," else number.read(text)


def _json(text: str) -> _Source:
    def refuse(constant: str) -> Refused:
        return Refused(constant, "is not a finite number")

    try:
        found = json.loads(
            text, parse_int=number.read, parse_float=number.read, parse_constant=refuse
        )
    except json.JSONDecodeError as error:
        place = f"Line {error.lineno}, column {error.colno}"
        raise NotNumbersError([f"{place}: not JSON: {error.msg}"]) from None
    except RecursionError:
        raise NotNumbersError(["Lists in lists: expected one list of numbers"]) from None
    if not isinstance(found, list):
        raise NotNumbersError([f"Expected a JSON list like [1, 2, 3], got {_kind(found)}"])
    return _Source([_element(value) for value in found], lambda i: f"Item {i + 1} of the list")


def _element(value: object) -> Item:
    if type(value) in (int, float, Refused):
        return cast("Item", value)
    return Refused(
        json.dumps(value, ensure_ascii=False, default=str), f"is {_kind(value)}, not a number"
    )


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return kinds.get(type(value), "null" if value is None else "a number")


def _csv(text: str) -> tuple[tuple[str, ...], _Source]:
    """Return a note on the heading, if there is one, and what the other rows hold."""
    heading: tuple[str, ...] = ()
    items: list[Item] = []
    for line, fields in _rows(text):
        values = [number.read(field) if field else _EMPTY for field in fields]
        if not items and not heading and values and all(_is_word(value) for value in values):
            heading = (f"Line {line} was taken as the heading: {_brief(', '.join(fields))}",)
        else:
            items += values

    def place(index: int) -> str:
        rows = _rows(text)
        if heading:
            next(rows)
        fields = ((line, i) for line, fields in rows for i, _ in enumerate(fields, 1))
        line, field = next(islice(fields, index, None))
        return f"Line {line}, field {field}"

    return heading, _Source(items, place)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the fields of each row that is not empty."""
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        for row in reader:
            fields = [field.strip() for field in row]
            while fields and not fields[-1]:  # spreadsheets end short rows with commas
                fields.pop()
            if fields:
                yield reader.line_num, fields
    except csv.Error as error:
        raise NotNumbersError([f"Line {reader.line_num}: not CSV: {error}"]) from None


def _is_word(item: Item) -> bool:
    return isinstance(item, Refused) and item.reason == number.NOT_A_NUMBER


def _brief(text: str) -> str:
    """Return `text` in quotes, at most 40 characters of it."""
    return f"“{text}”" if len(text) <= 40 else f"“{text[:40]}…”"  # noqa: PLR2004
