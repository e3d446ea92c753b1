"""Decode files and clean text: encodings, invisible characters, typographic minuses and spaces."""

from __future__ import annotations

import re

from frontend.reading.notation import NO_BREAK
from frontend.reading.numeric import NotNumbersError

# Zero-width characters, direction marks, soft hyphens and byte order marks.
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_MINUS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-"))
_LOOSE_NO_BREAK = re.compile(rf"(?<![0-9])[{NO_BREAK}]|[{NO_BREAK}](?![0-9])")
# All other Unicode spaces, except line breaks.
_SPACE = re.compile(rf"[^\S\n\r\t {NO_BREAK}]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f]")


def clean(text: str) -> tuple[str, list[str]]:
    """Return the text without invisible characters, with ASCII minuses and spaces.

    A no-break space between two digits is kept. The list has a note if characters were left out.
    """
    if text.isascii():
        return text, []
    seen = _INVISIBLE.sub("", text.removeprefix("\ufeff"))
    left_out = len(text.removeprefix("\ufeff")) - len(seen)
    seen = _LOOSE_NO_BREAK.sub(" ", _SPACE.sub(" ", seen.translate(_MINUS)))
    return seen, [f"Invisible characters were left out: {left_out:,}"] if left_out else []


def decode(content: bytes) -> tuple[str, list[str]]:
    """Return a file's text, and a note if its encoding is a guess.

    Raises:
        NotNumbersError: it is not text.
    """
    # Excel's file type "Unicode Text".
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    notes: list[str] = []
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        try:
            # Excel's file type "CSV" in western Europe and America.
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            raise NotNumbersError([f"Byte {error.start + 1}: the file is not text"]) from None
        notes = ["The file is not in UTF-8; it was read as Windows-1252"]
    if found := _CONTROL.search(text):
        raise NotNumbersError([f"Character {found.start() + 1}: the file is not text"])
    return text, notes
