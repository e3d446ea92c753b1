"""Read a table, such as CSV, row by row."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from frontend.reading.notation import is_heading
from frontend.reading.numeric import (
    TEXT,
    NotNumbersError,
    Source,
    TooMuchError,
    brief,
    column,
)

# The number of fields that are Python objects at the same time.
_CHUNK_FIELDS = 10_000
_QUOTED = re.compile(r'"[^"]*"')
# A separator that no text contains.
_NONE = "\x1f"
# Names of columns that number the rows.
_ROW_NUMBERS = {"id", "index", "no", "no.", "nr", "nr.", "#", "row"}
# Excel's own hint, which is a separate first line.
_HINT = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)


@dataclass(frozen=True)
class Row:
    """A row that is not empty.

    Attributes:
        first: the line on which it begins, counted from 1.
        line: the line on which it ends.
        fields: the stripped fields, without empty ones at the end, which spreadsheets add.
        width: the number of fields including the empty ones.
    """

    first: int
    line: int
    fields: list[str]
    width: int


def delimiter_of(text: str) -> str:
    """Return the separator of the fields, according to the first line."""
    if hint := _HINT.match(text):
        return hint[1]
    line = _QUOTED.sub("", text.lstrip().split("\n", 1)[0])
    return next((mark for mark in ";\t|" if mark in line), ",")


def read(text: str, delimiter: str, max_numbers: int) -> Source:
    """Return the fields below the heading, if there is one.

    Raises:
        NotNumbersError: it is not CSV; or the separator is a comma and rows differ in width, which
            may be due to decimal commas.
        TooMuchError: there are more than `max_numbers` fields.
    """
    # The CSV reader reads a whole row at once, so its length is checked before.
    if any(line.count(delimiter) > max_numbers for line in io.StringIO(text)):
        raise _too_much(max_numbers)
    rows = _rows(text, delimiter)
    first = next(rows, None)
    if first is None:
        return Source(column([]), lambda _: "")
    has_heading, labelled, notes = _heading(first)
    if delimiter == "," and has_heading and first.width == 1:
        # One name, one column: a comma below it is part of a number.
        delimiter = _NONE
        rows = islice(_rows(text, delimiter), 1, None)
    chunks: list[pa.Array] = []
    pending: list[str] = [] if has_heading else list(first.fields)
    count = widest = len(pending)
    lines, line, empty = int(not has_heading), first.line, 0
    for row in rows:
        empty += _check(row, first, line, delimiter)
        line = row.line
        fields = _without_label(row, lines) if labelled else row.fields
        pending += fields
        count += len(fields)
        widest, lines = max(widest, len(fields)), lines + 1
        if count > max_numbers:
            break
        if len(pending) > _CHUNK_FIELDS:
            chunks.append(column(pending))
            pending.clear()
    if count > max_numbers:
        raise _too_much(max_numbers)
    notes += _layout(lines, widest, empty)
    texts = pa.chunked_array([*chunks, column(pending)], TEXT).combine_chunks()

    def place(index: int) -> str:
        body = islice(_rows(text, delimiter), int(has_heading), None)
        cells = (
            (row.line, i) for row in body for i in range(1 + int(labelled), len(row.fields) + 1)
        )
        line, field = next(islice(cells, index, None))
        return f"Line {line}, field {field}"

    return Source(texts, place, notes)


def _heading(first: Row) -> tuple[bool, bool, list[str]]:
    """Return whether a row is the heading, whether its first column has no name, and notes."""
    unnamed = len(first.fields) > 1 and not first.fields[0]
    series = unnamed and first.fields[1:] == [str(i) for i in range(len(first.fields) - 1)]
    if not series and not all(map(is_heading, first.fields[unnamed:])):
        return False, False, []
    if len(first.fields) > 1 and first.fields[0].lower() in _ROW_NUMBERS:
        name = brief(first.fields[0])
        raise NotNumbersError(
            [f"Line {first.line}, field 1: {name} numbers rows: remove the column"]
        )
    notes = [f"Line {first.line} was taken as the heading: {brief(', '.join(first.fields))}"]
    if unnamed:
        notes.append("The column without a name numbers the rows; it was left out")
    return True, unnamed, notes


def _layout(lines: int, widest: int, empty: int) -> list[str]:
    """Return notes on empty rows and on several columns."""
    notes = [f"Empty rows were left out: {empty:,}"] if empty else []
    if lines > 1 and widest > 1:
        notes.append(f"{lines:,} rows of {widest:,} columns were read row by row")
    return notes


def _check(row: Row, first: Row, before: int, delimiter: str) -> int:
    """Return the number of empty lines between line `before` and a row.

    Raises:
        NotNumbersError: the row's width is another than the first row's, which may be due to a
            decimal comma; or a field of a single column is empty.
    """
    if delimiter == "," and first.width != row.width and len(first.fields) != len(row.fields):
        raise NotNumbersError([_ragged(first, row)])
    if row.first > before + 1 and first.width == 1:
        raise NotNumbersError([f"Line {before + 1} is an empty field"])
    return row.first - before - 1


def _too_much(limit: int) -> TooMuchError:
    return TooMuchError(f"There are more than {limit:,} numbers")


def _rows(text: str, delimiter: str) -> Iterator[Row]:
    hint = _HINT.match(text)
    start = hint.end() if hint else 0
    reader = csv.reader(
        io.StringIO(text[start:], newline=""), delimiter=delimiter, skipinitialspace=True
    )
    first = 1 + bool(hint)
    try:
        for row in reader:
            fields = [field.strip() for field in row]
            width = len(fields)
            while fields and not fields[-1]:
                fields.pop()
            if fields:
                yield Row(first, reader.line_num + bool(hint), fields, width)
            first = reader.line_num + 1 + bool(hint)
    except csv.Error as error:
        raise NotNumbersError([f"Line {reader.line_num}: not CSV: {error}"]) from None


def _without_label(row: Row, number: int) -> list[str]:
    """Return a row without the number in its first field, which is pandas' index."""
    if row.fields[0] != str(number):
        raise NotNumbersError(
            [
                f"Line {row.line}, field 1: {brief(row.fields[0])} is in a column without a "
                "name: give it one, or export without an index"
            ]
        )
    return row.fields[1:]


def _ragged(first: Row, row: Row) -> str:
    return (
        f"Line {row.line}: fields: {len(row.fields)}, and {len(first.fields)} in line {first.line}."
        " Commas separate fields here: put a number with a comma in quotes, or write a point"
    )
