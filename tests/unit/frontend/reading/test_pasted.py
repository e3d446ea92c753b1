"""What people paste or upload, and the result of each: numbers and notes, or a refusal."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from frontend.reading import NotNumbersError, Numbers, parse, parse_file

SCRIPT = ["Digits of another script"]
# The text, the numbers, and the beginning of each note.
READ: list[tuple[str, list[float], list[str]]] = [
    # a spreadsheet's column, with its heading
    ("value\n1\n2", [1, 2], ["Line 1 was taken as the heading: “value”"]),
    ("Unit price\r\n1.5\r\n2", [1.5, 2], ["Line 1 was taken as the heading"]),
    ("Größe\n1,5\n2,5", [1.5, 2.5], ["Line 1 was taken as the heading", "Line 2, field 1: “1,5”"]),
    ("a\tb\n1\t2\n3\t4", [1, 2, 3, 4], ["Line 1 was", "2 rows of 2 columns"]),
    ("a,b\n1,2\n3,4", [1, 2, 3, 4], ["Line 1 was", "2 rows of 2 columns"]),
    ("1|2|3", [1, 2, 3], []),
    # marks of several countries, where at least one number shows which they are
    ("1.234,50\n2.000,00\n-3,75", [1234.5, 2000, -3.75], ["Line 1, column 1: “1.234,50” was read"]),
    ("1.234,56\n2.345,67", [1234.56, 2345.67], ["Line 1, column 1"]),
    ("12,50\n1.234,56", [12.5, 1234.56], ["Line 1, column 1: “12,50” was read as 12.50"]),
    ("12,50 1.234,56", [12.5, 1234.56], ["Line 1, column 1: “12,50” was read as 12.50"]),
    ("1.234.567\n5", [1234567, 5], ["Line 1, column 1"]),
    ("1 234,50\n2 000,25", [1234.5, 2000.25], ["Line 1, column 1: “1 234,50” was read"]),
    ("12,34,567.50\n1,00,000", [1234567.5, 100000], ["Line 1, column 1"]),
    ("1,234.50\n99.00", [1234.5, 99], ["Line 1, column 1: “1,234.50” was read as 1234.50"]),
    # what could be read in another way
    ("1.234\n5.678", [1.234, 5.678], ["Line 1, column 1: “1.234” was read as a fraction"]),
    ("0.5\n5.678", [0.5, 5.678], []),
    ("1 234\n5 678", [1, 234, 5, 678], ["Spaces separate: “1 234” was read as several"]),
    # digits of other scripts
    ("\u0661\u0662\u066b\u0665", [12.5], SCRIPT),
    ("१२३", [123], SCRIPT),
    ("\uff11\uff12\uff0e\uff15 \uff13", [12.5, 3], SCRIPT),
    # lists as programs print them
    ("[1, 2, 3,]", [1, 2, 3], []),
    ("[1. 2. 3.]", [1, 2, 3], []),
    ("[ 1  2\n  3 ]", [1, 2, 3], []),
    ("array([1.5, 2. ], dtype=float32)", [1.5, 2], []),
    ("tensor([1, 2])", [1, 2], []),
    ("1.5e3\n2E-4\n6.022e23", [1500, 0.0002, 6.022e23], []),
    ("+1 +2", [1, 2], []),
    ("\u20135 \u22126", [-5, -6], []),
    ("1.5 2. 3.", [1.5, 2, 3], []),
]
# The text, and the beginning of the first sentence.
REFUSED = [
    ("1,234\n5,678\n10,000", "Line 1, column 1: “1,234” could be one number or several"),
    ("3,14\n2,71", "Line 1, column 1: “3,14” could be one number or several"),
    ("1,5\n2,5E+3", "Line 1, column 1: “1,5” could be one number or several"),
    ("7\n2,5E+3", "Line 2, column 1: “2,5E+3” could be one number or several"),
    ("1,2,3\n4,5", "Line 2, column 1: “4,5” could be one number or several"),
    ("1. 10\n2. 20", "Line 1, column 1: “1.” looks like the number of a list item"),
    ("5\n2. 20", "Line 2, column 1: “2.” looks like the number of a list item"),
    ("Item\tQty\nApple\t3", "Line 2, field 1: “Apple” is not a number"),
    ("id,value\n1001,10", "Line 1, field 1: “id” numbers rows: remove the column"),
    ("Year\tSales\n2022\t1,200", "Line 2, field 2: “1,200” could be a fraction or thousands"),
    ("Jan\t100\nTotal\t300", "Line 1, field 1: “Jan” is not a number"),
    ("value\n1\n\n3", "Line 3 is an empty field"),
    ("$1,234.50\n$99.00", "Line 1, column 1: “$1” has a currency sign"),
    ("12.5%\n7%", "Line 1, column 1: “12.5%” is a percentage"),
    ("1\nNaN\ninf", "Line 2, column 1: “NaN” is not a finite number"),
    ("true false true", "Line 1, column 1: “true” is not a number"),
    ("1_000 2_000", "Line 1, column 1: “1_000” is not a number"),
    ("1-5", "Line 1, column 1: “1-5” is not a number"),
    ("(5) (6)", "Line 1, column 1: “(5)” is in parentheses"),
    ("1\ufe0f\u20e3", "Line 1, column 1: “1"),
    ("1 kg\n2 kg", "Line 1, column 3: “kg” is not a number"),
    ("Temperature: 21.5 C, humidity 40", "Line 1, column 1: “Temperature:” is not a number"),
    ('{"values":[1,2,3]}', "Expected a JSON list like [1, 2, 3], got an object"),
    ('[{"x":1},{"x":2}]', "Item 1 of the list: is an object"),
    ("[1, None]", "Line 1, column 5: “None” stands for a missing value"),
    ("[1,5 2,5]", "Line 1, column 2: “1,5” could be one number or several"),
    ("   \n\t\n", "It contains no number"),
]


def check(found: Numbers, values: list[float], notes: list[str]) -> None:
    assert found.values.tolist() == values
    assert len(found.notes) == len(notes), found.notes
    assert all(note.startswith(start) for note, start in zip(found.notes, notes, strict=True))


@pytest.mark.parametrize("file", [False, True], ids=["pasted", "uploaded"])
@pytest.mark.parametrize(("text", "values", "notes"), READ)
def test_is_read(text: str, values: list[float], notes: list[str], *, file: bool) -> None:
    check(parse_file("a.txt", text.encode()) if file else parse(text), values, notes)


@pytest.mark.parametrize("file", [False, True], ids=["pasted", "uploaded"])
@pytest.mark.parametrize(("text", "reason"), REFUSED)
def test_is_refused(text: str, reason: str, *, file: bool) -> None:
    with pytest.raises(NotNumbersError) as refused:
        parse_file("a.txt", text.encode()) if file else parse(text)
    assert refused.value.problems[0].startswith(reason)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt"])
def test_a_tab_separated_file_is_read(name: str) -> None:
    check(parse_file(name, b"a\tb\n1\t2\n"), [1, 2], ["Line 1 was taken as the heading"])


def test_empty_rows_of_a_table_are_noted_and_of_a_column_refused() -> None:
    check(parse_file("a.csv", b"1,2\n\n3,4\n\n"), [1, 2, 3, 4], ["Empty rows", "2 rows"])
    for column in (b"x\n1\n\n3\n", b'x\n1\n""\n3\n'):
        with pytest.raises(NotNumbersError, match="Line 3 is an empty field"):
            parse_file("a.csv", column)


def workbook() -> bytes:
    with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        archive.writestr("xl/workbook.xml", "")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (workbook(), "an Excel workbook"),
        (gzip.compress(b"1", mtime=0), "compressed with gzip"),
        (b"PAR1\x15", "a Parquet file"),
        (b"\x89PNG\r\n", "a picture"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a.gz"])
def test_a_file_that_is_not_text_is_named(name: str, content: bytes, what: str) -> None:
    with pytest.raises(NotNumbersError, match=f"The file is {what}"):
        parse_file(name, content)
