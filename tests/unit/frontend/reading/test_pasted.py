"""What people paste or upload, and the result of each: numbers and notes, or a refusal."""

from __future__ import annotations

import gzip
import io
import zipfile

import pytest

from frontend import reading
from frontend.reading import Marks, NotNumbersError, Numbers
from tests.unit.frontend.reading.reads import parse, parse_file

SEPARATOR, POINT, COMMA = Marks
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
    ("Year\tSales\n2022\t1,200", "Line 2, field 2: “1,200” could be a fraction or thousands"),
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


# A table, the columns to choose from, those that are read unless others are chosen, and whether the
# page asks.
TABLES: list[tuple[str, list[str], list[int], bool]] = [
    ("Item\tQty\tPrice\nApple\t3\t1.20\nPear\t5\t0.80", ["Item", "Qty", "Price"], [1], True),
    ("id,name,price\n1,Apple,1.20\n2,Pear,0.80", ["id", "name", "price"], [2], True),
    ("id,value\n1001,10\n1002,11", ["id", "value"], [1], True),
    ("Jan\t100\nFeb\t200\nTotal\t300", ["Column 1", "Column 2"], [1], True),
    ("Year\tSales\n2022\t1,200\n2023\t1,350", ["Year", "Sales"], [0, 1], True),
    ("a;b\n1;2", ["a", "b"], [0, 1], True),
    (",x\na,1.5\nb,2.5", ["(no name)", "x"], [1], True),
    (",x\n0,1.5\n1,2.5", ["(no name)", "x"], [1], False),
    (",a,b\n0,1.5,10\n1,2.5,20", ["(no name)", "a", "b"], [1, 2], True),
    ("1\t2\n3\t4", ["Column 1", "Column 2"], [0, 1], False),
    ("name;1\nx;2", ["Column 1", "Column 2"], [1], True),
    ("only;words\na;b", ["only", "words"], [0], True),
]
# An ambiguous text, and its numbers with each meaning of commas and points; None: refused.
AMBIGUOUS: list[tuple[str, dict[Marks, list[float] | None]]] = [
    ("3,14\n2,71", {SEPARATOR: [3, 14, 2, 71], COMMA: [3.14, 2.71], POINT: None}),
    ("1,234\n5,678", {SEPARATOR: [1, 234, 5, 678], COMMA: [1.234, 5.678], POINT: [1234, 5678]}),
    ("7 2,5 9", {SEPARATOR: [7, 2, 5, 9], COMMA: [7, 2.5, 9], POINT: None}),
    ('x;y\n"1,234";"5,678"', {COMMA: [1.234, 5.678], POINT: [1234, 5678]}),
]


@pytest.mark.parametrize(("text", "names", "usual", "asks"), TABLES)
def test_columns_can_be_chosen(
    text: str, names: list[str], usual: list[int], *, asks: bool
) -> None:
    found = reading.read(text)
    assert isinstance(found, reading.Table)
    assert (found.names, found.usual, found.asks) == (names, usual, asks)


def test_the_chosen_columns_are_read_in_their_order_with_their_places() -> None:
    found = reading.read("id,name,price\n1,Apple,1.20\n2,Pear,zero")
    assert isinstance(found, reading.Table)
    assert reading.to_numbers(found.source([0])).values.tolist() == [1, 2]
    with pytest.raises(NotNumbersError, match="Line 3, field 3: “zero” is not a number"):
        reading.to_numbers(found.source([2, 0]))
    assert found.source([0, 1]).texts.to_pylist() == ["1", "Apple", "2", "Pear"]


def test_rows_that_have_to_be_whole_keep_their_empty_cells() -> None:
    found = reading.read("a;b\n1;2\n3;")
    assert isinstance(found, reading.Table)
    assert reading.to_numbers(found.source()).values.tolist() == [1, 2, 3]
    with pytest.raises(NotNumbersError, match="Line 3, field 2: “” is an empty field"):
        reading.to_numbers(found.source([0, 1], whole=True))


@pytest.mark.parametrize(("text", "readings"), AMBIGUOUS)
def test_commas_have_the_meaning_that_is_chosen(
    text: str, readings: dict[Marks, list[float] | None]
) -> None:
    with pytest.raises(NotNumbersError) as refused:
        parse(text)
    assert refused.value.ambiguous
    for marks, values in readings.items():
        found = reading.read(text, marks=marks)
        source = found.source() if isinstance(found, reading.Table) else found
        if values is None:
            with pytest.raises(NotNumbersError, match="is not written like"):
                reading.to_numbers(source, marks)
        else:
            assert reading.to_numbers(source, marks).values.tolist() == values


def test_empty_lines_among_pasted_numbers_are_noted() -> None:
    check(parse("1\r\n\r\n3\n\n\n4\n\n"), [1, 3, 4], ["Empty lines were left out: 3"])


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
    assert refused.value.sentences[0].startswith(reason)


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
