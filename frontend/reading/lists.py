"""Lists of numbers: JSON, or separated by commas, spaces or new lines."""

import json
import re
from functools import partial
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from frontend.reading import notation
from frontend.reading.notation import Marks
from frontend.reading.numbers import TEXT, NotNumbersError, Source, brief, column

# A list as Python and NumPy print it: with a comma at its end, with "1.", without commas.
_PRINTED = re.compile(
    r"\s*(?:(?:np\.|torch\.)?(?:array|tensor)\()?\[([^\[\]{}\"]*)\](?:(?:, ?\w+=[\w.]+)*\))?\s*"
)


class _Number(str):
    """A number as written in the JSON text."""

    __slots__ = ()


def read_json(text: str, marks: Marks | None = None) -> Source:
    """Return the elements of the list, or raise NotNumbersError."""
    try:
        found = json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
    except json.JSONDecodeError as error:
        if printed := _PRINTED.fullmatch(text):
            # Spaces in place of the rest keep the places of the numbers.
            before = re.sub(r"\S", " ", text[: printed.start(1)])
            return read_separated(before + printed[1], marks)
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


_LINE, _CHUNK, _ITEM = map(re.compile, (r"[^\n]*\S[^\n]*", r"\S+", r"[^ \t\r\n,]+"))
_LACKING = re.compile(r"(?:^|,)\s*(,)")
# A chunk between spaces that could be one number, with a decimal comma or thousands separators.
_ONE_NUMBER = (
    r"^[+-]?([0-9]*,[0-9]+([eE][+-]?[0-9]+)?|[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?"
    r"|[0-9]{1,3}(\.[0-9]{3})+,[0-9]+),?$"
)
_LIST_ITEM = re.compile(r"^[ \t]*([0-9]+\.)[ \t]+(?!.*[0-9]\.(\s|,|$))\S", re.MULTILINE)
_BLANK_LINES = re.compile(r"\n[ \t\r]*(?=\n)")
_SPACED = r"^[+-]?[1-9][0-9]{0,2}( [0-9]{3})+$"


def read_separated(text: str, marks: Marks | None = None) -> Source:
    """Return the texts between the separators: spaces, new lines, and commas unless `marks` differ.

    NotNumbersError says why not: the commas could also be decimal commas, or have no number before
    them; or the lines are numbered like a list.
    """
    if item := _LIST_ITEM.search(text):
        place_of_item = _position(text, item.start(1))
        raise NotNumbersError(
            [f"{place_of_item}: {brief(item[1])} looks like the number of a list item: remove it"]
        )
    chunks = pc.utf8_split_whitespace(column([text.strip()])).flatten()
    lines = pc.utf8_trim_whitespace(pc.split_pattern(column([text]), "\n").flatten())
    lines = lines.filter(pc.not_equal(lines, ""))
    blank = _BLANK_LINES.findall(text.strip())
    notes = [f"Empty lines were left out: {len(blank):,}"] if blank else []
    whole = marks in (Marks.DECIMAL_POINT, Marks.DECIMAL_COMMA)
    for cells, gap in ((lines, _LINE), (chunks, _CHUNK)):
        cells = pc.replace_substring_regex(cells, ",$", "")  # noqa: PLW2901
        if notation.are_certain(cells) or (whole and gap is _CHUNK):
            return Source(cells, partial(_place_of_match, gap, text), notes)
    if marks is None:
        notes += _commas(text, chunks)
    if len(lines) > 1 and pc.all(pc.match_substring_regex(lines, _SPACED)).as_py():
        notes.append(f"Spaces separate: {brief(lines[0].as_py())} was read as several numbers")
    if lacking := _LACKING.search(text):
        place = _position(text, lacking.start(1))
        raise NotNumbersError([f"{place}: “,” has no number before it"])
    bare = pc.replace_substring_regex(column([text]), r"[ \t\r\n,]+", ",")
    texts = pc.split_pattern(pc.utf8_trim(bare, ","), ",").flatten()
    return Source(
        texts.filter(pc.not_equal(texts, "")), partial(_place_of_match, _ITEM, text), notes
    )


def _place_of_match(pattern: re.Pattern[str], text: str, index: int) -> str:
    found = next(islice(pattern.finditer(text), index, None))
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
        ],
        ambiguous=True,
    )


def _position(text: str, start: int) -> str:
    line = text.count("\n", 0, start) + 1
    return f"Line {line}, column {start - text.rfind(chr(10), 0, start)}"
