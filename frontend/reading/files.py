"""Read numbers from text or a file: a JSON list, a table, or separated numbers."""

from __future__ import annotations

import re
from pathlib import PurePath

import numpy as np

from frontend.reading import jsonlist, separated, table
from frontend.reading.clean import clean, decode
from frontend.reading.notation import is_heading
from frontend.reading.numeric import Numbers, Source, TooMuchError, to_numbers

_LIST = re.compile(r"\s*[\[{]|\s*(np\.|torch\.)?(array|tensor)\(")
_LOOSE_COMMA = re.compile(r",\s|\s,")


def parse(text: str, max_numbers: int = 1_000_000) -> Numbers:
    """Read a JSON list, cells copied from a spreadsheet, or separated numbers.

    Raises:
        NotNumbersError: something is not a number, or there are no numbers.
        TooMuchError: there are more than `max_numbers`.
    """
    seen, notes = clean(text)
    source = _read(seen, max_numbers)
    return to_numbers(Source(source.texts, source.place, [*notes, *source.notes]))


def parse_file(name: str, content: bytes, max_numbers: int = 1_000_000) -> Numbers:
    """Read a file according to its suffix: .csv, .tsv, .json, or otherwise like `parse`.

    Raises:
        NotNumbersError: as in `parse`; or the file is not text.
        TooMuchError: there are more than `max_numbers`.
    """
    decoded, guessed = decode(content)
    text, notes = clean(decoded)
    suffix = PurePath(name).suffix.lower()
    if suffix in (".csv", ".tsv"):
        source = table.read(text, table.delimiter_of(text), max_numbers)
    elif suffix == ".json":
        source = _json(text, max_numbers)
    else:
        source = _read(text, max_numbers)
    return to_numbers(Source(source.texts, source.place, [*guessed, *notes, *source.notes]))


def _read(text: str, max_numbers: int) -> Source:
    if _LIST.match(text):
        return _json(text, max_numbers)
    first, _, rest = text.strip().partition("\n")
    headed = bool(rest) and all(map(is_heading, re.split("[,;\t|]", first.strip())))
    if headed or ";" in text or "|" in text or ("\t" in text and not _LOOSE_COMMA.search(text)):
        return table.read(text, table.delimiter_of(text), max_numbers)
    if (count := _count(text)) > max_numbers:
        raise TooMuchError(f"{count:,} numbers are more than {max_numbers:,}")
    return separated.read(text)


def _json(text: str, max_numbers: int) -> Source:
    if text.count(",") >= max_numbers:
        raise TooMuchError(f"The list has more than {max_numbers:,} numbers")
    return jsonlist.read(text)


def _count(text: str) -> int:
    """Return the number of items between separators, without parsing them."""
    separators = np.isin(
        np.frombuffer(text.encode(), np.uint8), np.frombuffer(b" \t\r\n,", np.uint8)
    )
    return int(np.count_nonzero(~separators[1:] & separators[:-1])) + int(not separators[:1].all())
