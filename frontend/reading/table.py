"""Read a table, such as CSV, whose columns can be chosen."""

import csv
import io
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from frontend.reading.notation import is_heading
from frontend.reading.numbers import NotNumbersError, Source, TooMuchError, brief, column

_QUOTED = re.compile(r'"[^"]*"')
# A separator that no text contains.
_NONE = "\x1f"
# Names of columns that number the rows.
_ROW_NUMBERS = {"id", "index", "no", "no.", "nr", "nr.", "#", "row"}
# Excel's own hint, which is a separate first line.
_HINT = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
# The number of fields that are Python objects at the same time.
_CHUNK_FIELDS = 10_000
# The rows that show whether a column holds words, and the most columns that are looked at.
_LOOK_ROWS, _CHOICES = 20, 1_000
# The most cells, counting those that short rows lack, as a multiple of the most numbers.
_PADDED = 4


@dataclass(frozen=True, eq=False)
class Table:
    """The cells of a table.

    Attributes:
        names: the names of the columns; made up if the table has no heading.
        columns: the texts of each column, stripped; `lines` has the line of each.
        usual: the indices of the columns to read unless others are chosen.
        asks: whether the columns have to be chosen.
    """

    names: list[str]
    columns: list[pa.Array]
    lines: np.ndarray
    usual: list[int]
    asks: bool
    notes: list[str] = field(default_factory=list)

    def source(self, chosen: Sequence[int] | None = None, *, whole: bool = False) -> Source:
        """Return the cells of the chosen columns (None: the usual ones), row by row.

        Empty cells at the end of a row are left out, with a note, unless rows have to be `whole`.
        """
        chosen = self.usual if chosen is None else chosen
        rows, width = len(self.lines), len(chosen)
        # From column after column to row after row.
        order = np.arange(rows * width).reshape(width, rows).T.ravel()
        texts = pc.take(pa.concat_arrays([self.columns[i] for i in chosen] or [column([])]), order)
        kept, notes = np.arange(rows * width), list(self.notes)
        if width > 1 and not whole:
            cells = np.asarray(pc.not_equal(texts, "")).reshape(rows, width)
            full = np.logical_or.accumulate(cells[:, ::-1], axis=1)[:, ::-1].ravel()
            if not full.all():
                at = divmod(int(np.argmin(full)), width)
                place = f"line {self.lines[at[0]]}, field {chosen[at[1]] + 1}"
                notes.append(f"Empty cells were left out: {np.sum(~full):,}, the first in {place}")
                kept, texts = kept[full], texts.filter(full)
            if rows > 1:
                notes.append(f"{rows:,} rows of {width:,} columns were read row by row")

        def place_of(index: int) -> str:
            row, i = divmod(int(kept[index]), width)
            return f"Line {self.lines[row]}, field {chosen[i] + 1}"

        return Source(texts, place_of, notes)


def delimiter_of(text: str) -> str:
    """Return the separator of the fields, according to the first line."""
    if hint := _HINT.match(text):
        return hint[1]
    line = _QUOTED.sub("", text.lstrip().split("\n", 1)[0])
    return next((mark for mark in ";\t|" if mark in line), ",")


def read_table(text: str, delimiter: str, max_numbers: int) -> Table | Source:
    """Return the table; a single row without a heading is a list.

    NotNumbersError says why not: it is not CSV, or too much; or rows that commas separate differ in
    width, which may be due to decimal commas; or a field of a single column is empty.
    """
    rows = _rows(text, delimiter, max_numbers)
    if not len(rows.lines):
        return Source(column([]), lambda _: "")
    first, start = rows.fields(0), rows.lines[0]
    unnamed = len(first) > 1 and not first[0]
    series = unnamed and first[1:] == [str(i) for i in range(len(first) - 1)]
    headed = series or all(map(is_heading, first[unnamed:]))
    if headed and rows.widths[0] == 1 and delimiter == ",":
        # One name, one column: a comma below it is part of a number.
        delimiter, rows = _NONE, _rows(text, _NONE, max_numbers)
    if not headed and len(rows.lines) == 1:
        return Source(column(first), lambda i: f"Line {start}, field {i + 1}")
    width, filled = rows.widths[0], rows.counts > 0
    if width == 1 and not filled.all():
        raise NotNumbersError([f"Line {rows.lines[np.argmin(filled)]} is an empty field"])
    other = filled & (rows.widths != width) & (rows.counts != len(first))
    if delimiter == "," and other.any():
        at = int(np.argmax(other))
        seen = f"Line {rows.lines[at]}: fields: {rows.counts[at]}, and {len(first)} in line {start}"
        advice = "separate fields here: put a number with a comma in quotes, or write a point"
        raise NotNumbersError([f"{seen}. Commas {advice}"])
    filled[0] &= not headed
    counts, begins, lines = rows.counts[filled], rows.begins[filled], rows.lines[filled]
    widest = max(len(first), int(counts.max(initial=0)))
    if counts.sum() > max_numbers or widest * len(lines) > _PADDED * max_numbers:
        raise TooMuchError([f"There are more than {max_numbers:,} numbers"])
    columns = [
        pc.fill_null(pc.take(rows.texts, pa.array(begins + i, mask=counts <= i)), "")
        for i in range(widest)
    ]
    names = [*first] if headed else [f"Column {i + 1}" for i in range(widest)]
    names = [name or "(no name)" for name in [*names, *[""] * (widest - len(names))]]
    notes = [f"Line {start} was taken as the heading: {brief(', '.join(first))}"] if headed else []
    if empty := len(rows.lines) - headed - len(lines):
        notes.append(f"Empty rows were left out: {empty:,}")
    numbered = unnamed and columns[0].to_pylist() == [str(i) for i in range(len(lines))]
    if numbered:
        notes.append("The column without a name numbers the rows; it was left out")
    usual, asks = _usual(
        names if headed else [], columns, int(unnamed), int(unnamed and not numbered)
    )
    return Table(names, columns, lines, usual, asks, notes)


def _usual(
    headings: list[str], columns: list[pa.Array], first: int, labels: int
) -> tuple[list[int], bool]:
    """Return the indices of the columns that hold numbers, and whether to ask for them.

    The columns begin at `first`; `labels` is the number of those before it that label the rows.
    """
    numbers = [*range(first, len(columns))]
    if len(columns) <= _CHOICES:
        seen = [column[:_LOOK_ROWS].to_pylist() for column in columns]
        words = {i for i in numbers if 2 * sum(map(is_heading, seen[i])) > len(seen[i])}
        words |= {i for i, name in enumerate(headings) if name.lower() in _ROW_NUMBERS}
        labels += len(words)
        numbers = [i for i in numbers if i not in words]
        if len(columns) > 1 and (labels or (headings and len(numbers) > 1)):
            return (numbers or [first])[: 1 if labels else None], True
    return numbers, False


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows from the first to the last that has text.

    Attributes:
        texts: the stripped fields of all rows, without the empty ones at the end of each, which
            spreadsheets add.
        lines: the line of each row.
        counts: how many of `texts` it has; `begins` says where they begin.
        widths: its number of fields.
    """

    texts: pa.Array
    lines: np.ndarray
    counts: np.ndarray
    begins: np.ndarray
    widths: np.ndarray

    def fields(self, row: int) -> list[str]:
        found: list[str] = self.texts.slice(self.begins[row], self.counts[row]).to_pylist()
        return found


def _rows(text: str, delimiter: str, limit: int) -> _Rows:
    # The CSV reader reads a whole row at once, so its length is checked before.
    if any(line.count(delimiter) > limit for line in io.StringIO(text)):
        raise TooMuchError([f"There are more than {limit:,} numbers"])
    hint = _HINT.match(text)
    file = io.StringIO(text[hint.end() if hint else 0 :], newline="")
    reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
    # Only some fields are Python objects at the same time.
    chunks, pending = [], []
    found = array("q")
    try:
        for row in reader:
            fields = [each.strip() for each in row]
            while fields and not fields[-1]:
                fields.pop()
            if found or fields:
                found.extend((reader.line_num + bool(hint), len(fields), len(row)))
            pending += fields
            if len(pending) > _CHUNK_FIELDS:
                chunks.append(column(pending))
                pending.clear()
    except csv.Error as error:
        raise NotNumbersError([f"Line {reader.line_num}: not CSV: {error}"]) from None
    lines, counts, widths = np.array(found, np.int64).reshape(-1, 3).T
    end = len(counts) - int(np.argmax(counts[::-1] > 0)) if counts.any() else 0
    texts = pa.concat_arrays([*chunks, column(pending)])
    begins = np.cumsum(counts) - counts
    return _Rows(texts, lines[:end], counts[:end], begins[:end], widths[:end])
