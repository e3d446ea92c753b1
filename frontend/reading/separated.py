"""Numbers separated by commas, spaces or new lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from frontend.reading.numeric import NotNumbersError, Source, brief, column

_ITEM = re.compile(r"[^\s,]+|,")
# A chunk between spaces that could be one number, with a decimal comma or thousands separators.
_ONE_NUMBER = r"^[+-]?([0-9]+,[0-9]+|[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?),?$"


def read(text: str) -> Source:
    """Return the texts between the separators.

    Raises:
        NotNumbersError: the commas could also be decimal commas, or have no number before them.
    """
    notes = _commas(text)
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


def _commas(text: str) -> list[str]:
    """Return a note if a single chunk has commas that could be decimal; refuse several chunks."""
    chunks = pc.utf8_split_whitespace(column([text.strip()])).flatten()
    inner = pc.match_substring_regex(chunks, "[0-9],[0-9]")
    first = pc.index(inner, pa.scalar(True)).as_py()
    ambiguous = pc.match_substring_regex(chunks.filter(inner), _ONE_NUMBER)
    if first < 0 or not pc.all(ambiguous).as_py():
        return []
    chunk = brief(chunks[first].as_py().rstrip(","))
    if len(chunks) == 1:
        return [f"A comma separates: {chunk} was read as several numbers. A decimal has a point"]
    start = text.index(chunks[first].as_py())
    raise NotNumbersError(
        [
            f"{_position(text, start)}: {chunk} could be one number or several. Write a decimal "
            "with a point, and a space after each comma that separates"
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
