"""Numbers separated by commas, spaces or new lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from frontend.reading import notation
from frontend.reading.numeric import NotNumbersError, Source, brief, column

_ITEM = re.compile(r"[^\s,]+|,")
# A chunk between spaces that could be one number, with a decimal comma or thousands separators.
_ONE_NUMBER = (
    r"^[+-]?([0-9]*,[0-9]+([eE][+-]?[0-9]+)?|[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?"
    r"|[0-9]{1,3}(\.[0-9]{3})+,[0-9]+),?$"
)
_LIST_ITEM = re.compile(r"^[ \t]*([0-9]+\.)[ \t]+(?!.*[0-9]\.(\s|,|$))\S", re.MULTILINE)
_SPACED = r"^[+-]?[1-9][0-9]{0,2}( [0-9]{3})+$"


def read(text: str) -> Source:
    """Return the texts between the separators.

    Raises:
        NotNumbersError: the commas could also be decimal commas, or have no number before them;
            or the lines are numbered like a list.
    """
    if item := _LIST_ITEM.search(text):
        place_of_item = _position(text, item.start(1))
        raise NotNumbersError(
            [f"{place_of_item}: {brief(item[1])} looks like the number of a list item: remove it"]
        )
    chunks = pc.utf8_split_whitespace(column([text.strip()])).flatten()
    lines = pc.utf8_trim_whitespace(pc.split_pattern(column([text]), "\n").flatten())
    lines = lines.filter(pc.not_equal(lines, ""))
    for cells, gap in ((lines, r"[^\n]*\S[^\n]*"), (chunks, r"\S+")):
        cells = pc.replace_substring_regex(cells, ",$", "")  # noqa: PLW2901
        if notation.are_certain(cells):
            return Source(cells, partial(_place_of_match, gap, text))
    notes = _commas(text, chunks)
    if len(lines) > 1 and pc.all(pc.match_substring_regex(lines, _SPACED)).as_py():
        notes.append(f"Spaces separate: {brief(lines[0].as_py())} was read as several numbers")
    bare = column([text.strip().removesuffix(",")])
    joined = pc.replace_substring_regex(bare, r"[ \t\r\n]*,[ \t\r\n]*|[ \t\r\n]+", ",")
    texts = pc.split_pattern(joined, ",").flatten()
    if len(texts) == 1 and not texts[0].as_py():
        texts = texts.slice(1)

    def place(index: int) -> str:
        start = next(islice(_walk(text), index, None))[0]
        return _position(text, start)

    if pc.any(pc.equal(texts, "")).as_py():
        lacking = pc.index(texts, "").as_py()
        raise NotNumbersError([f"{place(lacking)}: “,” has no number before it"])
    return Source(texts, place, notes)


def _place_of_match(pattern: str, text: str, index: int) -> str:
    found = next(islice(re.finditer(pattern, text), index, None))
    return _position(text, found.start() + len(found[0]) - len(found[0].lstrip()))


def _commas(text: str, chunks: pa.Array) -> list[str]:
    """Return a note if a single chunk has commas that could be decimal; refuse several chunks."""
    ambiguous = pc.match_substring_regex(chunks, _ONE_NUMBER)
    first = pc.index(ambiguous, pa.scalar(True)).as_py()
    if first < 0:
        return []
    found = chunks[first].as_py()
    chunk = brief(found.rstrip(","))
    if len(chunks) == 1:
        return [f"A comma separates: {chunk} was read as several numbers. A decimal has a point"]
    raise NotNumbersError(
        [
            f"{_position(text, text.index(found))}: {chunk} could be one number or several. Write "
            "a decimal with a point, and a space after each comma that separates"
        ]
    )


def _walk(text: str) -> Iterator[tuple[int, str]]:
    """Yield the start and the text of each item; a comma without a number is an item too."""
    lacking = True
    for match in _ITEM.finditer(text):
        item = match[0]
        if lacking or item != ",":
            yield match.start(), item
        lacking = item == ","


def _position(text: str, start: int) -> str:
    line = text.count("\n", 0, start) + 1
    return f"Line {line}, column {start - text.rfind(chr(10), 0, start)}"
