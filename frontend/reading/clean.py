"""Decode files and clean text: encodings, invisible characters, typographic minuses and spaces."""

import re
import unicodedata

from frontend.reading.notation import NO_BREAK
from frontend.reading.numbers import NotNumbersError

# Zero-width characters, direction marks, soft hyphens and byte order marks.
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")
_MINUS = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-"))
# The decimal and thousands marks of Arabic, and full-width marks.
_MARKS = str.maketrans("\u066b\u066c\uff0e\uff0c\uff0b", ".'.,+")
_FOREIGN_DIGIT = re.compile(r"[^\D0-9]")
_LOOSE_NO_BREAK = re.compile(rf"(?<![0-9])[{NO_BREAK}]|[{NO_BREAK}](?![0-9])")
# All other Unicode spaces, except line breaks.
_SPACE = re.compile(rf"[^\S\n\r\t {NO_BREAK}]")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f]")


def clean(text: str) -> tuple[str, list[str]]:
    """Return the text without invisible characters, with ASCII digits, minuses and spaces.

    A no-break space between two digits is kept. The list has notes on characters that were left
    out, and on digits of other scripts.
    """
    if text.isascii():
        return text, []
    seen = _INVISIBLE.sub("", text.removeprefix("\ufeff"))
    left_out = len(text.removeprefix("\ufeff")) - len(seen)
    seen = _LOOSE_NO_BREAK.sub(" ", _SPACE.sub(" ", seen.translate(_MINUS)))
    notes = [f"Invisible characters were left out: {left_out:,}"] if left_out else []
    if _FOREIGN_DIGIT.search(seen):
        notes.append("Digits of another script were read as 0 to 9")
        seen = _FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.digit(digit[0])), seen)
        seen = seen.translate(_MARKS)
    return seen, notes


# What a file begins with, and what it is.
_OTHER_FILES = {
    b"PK": "an Excel workbook (.xlsx) or another zip archive: save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook of the old format (.xls): save the sheet as CSV",
    b"\x1f\x8b": "compressed with gzip: unpack it first",
    b"BZh": "compressed with bzip2: unpack it first",
    b"\xfd7zXZ": "compressed with xz: unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it first",
    b"PAR1": "a Parquet file: export it as CSV",
    b"ARROW1": "an Arrow file: export it as CSV",
    b"\x93NUMPY": "a NumPy array (.npy): write it with numpy.savetxt",
    b"\x89HDF": "an HDF5 file: export it as CSV",
    b"%PDF": "a PDF document: copy the numbers from it",
    b"\x89PNG": "a picture (PNG), not text",
    b"\xff\xd8\xff": "a picture (JPEG), not text",
}


def kind_of(content: bytes) -> str:
    """Say what a file is that has to be converted first; return "" if it may be text."""
    found = (what for start, what in _OTHER_FILES.items() if content.startswith(start))
    return "".join(f"The file is {what}" for what in found)


def decode(content: bytes) -> tuple[str, list[str]]:
    """Return a file's text, and a note if its encoding is a guess, or raise NotNumbersError."""
    if other := kind_of(content):
        raise NotNumbersError([other])
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
