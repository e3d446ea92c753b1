"""Read numbers from a text or a file, or report what is not a number, with position and reason.

`read` finds the numbers, or a table whose columns can be chosen; `to_numbers` converts them. They
are always in Arrow and NumPy arrays: Python objects would take several times the memory.
"""

import re
from dataclasses import replace
from pathlib import PurePath

from frontend.reading.clean import clean, decode, kind_of
from frontend.reading.lists import read_json, read_separated
from frontend.reading.notation import Marks, is_heading
from frontend.reading.numbers import NotNumbersError, Numbers, Source, TooMuchError, to_numbers
from frontend.reading.table import Table, delimiter_of, read_table

__all__ = ["Marks", "NotNumbersError", "Numbers", "Source", "Table", "TooMuchError", "kind_of",
           "read", "to_numbers"]  # fmt: skip

_LIST = re.compile(r"\s*[\[{]|\s*(np\.|torch\.)?(array|tensor)\(")
_LOOSE_COMMA = re.compile(r",\s|\s,")


def read(
    content: str | bytes, name: str = "", max_numbers: int = 1_000_000, marks: Marks | None = None
) -> Source | Table:
    """Read a JSON list, a table (CSV, or cells of a spreadsheet), or separated numbers.

    `name` is the name of a file: .csv and .tsv are tables, .json is a list. NotNumbersError says
    why it cannot be read: it is no text, too much, or could be read in several ways.
    """
    text, guessed = decode(content) if isinstance(content, bytes) else (content, [])
    text, notes = clean(text)
    suffix = PurePath(name).suffix.lower()
    if suffix == ".json" or (suffix not in (".csv", ".tsv") and _LIST.match(text)):
        if text.count(",") > max_numbers:  # before they become objects
            raise TooMuchError([f"The list has more than {max_numbers:,} numbers"])
        found: Source | Table = read_json(text, marks)
    elif suffix in (".csv", ".tsv") or _is_table(text):
        found = read_table(text, delimiter_of(text), max_numbers)
    else:
        found = read_separated(text, marks)
    if isinstance(found, Source) and len(found.texts) > max_numbers:
        raise TooMuchError([f"{len(found.texts):,} numbers are more than {max_numbers:,}"])
    return replace(found, notes=[*guessed, *notes, *found.notes])


def _is_table(text: str) -> bool:
    first, _, rest = text.strip(" \r\n").partition("\n")
    cells = re.split("[,;\t|]", first.strip(" \r"))
    if rest and all(map(is_heading, cells[len(cells) > 1 and not cells[0] :])):
        return True
    return ";" in text or "|" in text or ("\t" in text and not _LOOSE_COMMA.search(text))
