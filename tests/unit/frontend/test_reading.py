"""What people paste or upload, and the result of each: numbers and notes, or a refusal.

Nothing is dropped and nothing split without a note, and a first row that could be data is never
taken for a heading.
"""

import gzip
import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from frontend import reading
from frontend.reading import Marks, NotNumbersError, Numbers, Table, TooMuchError
from frontend.reading.numbers import NAMED

SEPARATOR, POINT, COMMA = Marks
# The beginnings of notes.
HEADING, FIRST = "Line 1 was taken as the heading", "Line 2, field 1: “1,5” was read as 1.5"
INDEX, ROWS, SCRIPT = "The column without", "2 rows of 2 columns", "Digits of another"


def parse(
    content: str | bytes, name: str = "", max_numbers: int = 1_000_000, marks: Marks | None = None
) -> Numbers:
    """Read a text, or with a name a file, as the page does when nobody chooses columns."""
    if name and isinstance(content, str):
        content = content.encode()
    found = reading.read(content, name, max_numbers, marks)
    return reading.to_numbers(found.source() if isinstance(found, Table) else found, marks)


# A text that is pasted or in a .txt file, the numbers, and the beginning of each note.
PASTED: list[tuple[str, list[float], list[str]]] = [
    ("1,2,3", [1, 2, 3], []),
    (" \n1 , 2\t,\r\n3 \n", [1, 2, 3], []),
    ("1, 2,", [1, 2], []),
    ("1;2", [1, 2], []),
    ("1|2|3", [1, 2, 3], []),
    ("1,2,3\n4,5,6\n", [1, 2, 3, 4, 5, 6], []),
    ("+5 -0 0", [5, 0, 0], []),
    ("[-0]", [0], []),
    (".5 5. -1E-2", [0.5, 5, -0.01], []),
    ("0.5\n9007199254740993", [0.5, 9007199254740992], [
        "A fraction makes the whole list float64, which does not hold every integer. "
        "Line 2, column 1: 9007199254740993 becomes 9007199254740992.0"]),
    ("1\r\n\r\n3\n\n\n4\n\n", [1, 3, 4], ["Empty lines were left out: 3"]),
    # a spreadsheet's column, with its heading
    ("Größe\n1,5\n2,5", [1.5, 2.5], [HEADING, FIRST]),
    # marks of several countries, where at least one number shows which they are
    ("1.234,50\n2.000,00\n-3,75", [1234.5, 2000, -3.75], ["Line 1, column 1: “1.234,50” was read"]),
    ("1.234.567\n5", [1234567, 5], ["Line 1, column 1"]),
    ("1 234,50\n2 000,25", [1234.5, 2000.25], ["Line 1, column 1: “1 234,50” was read"]),
    ("12,34,567.50\n1,00,000", [1234567.5, 100000], ["Line 1, column 1"]),
    ("1,234.50\n99.00", [1234.5, 99], ["Line 1, column 1: “1,234.50” was read as 1234.50"]),
    ("1,5; 2,5\n", [1.5, 2.5], ["Line 1, field 1: “1,5” was read as 1.5"]),
    # what could be read in another way
    ("1,5", [1, 5], ["A comma separates: “1,5” was read as several numbers"]),
    ("1.234\n5.678\n9.999", [1.234, 5.678, 9.999], ["Line 1, column 1: “1.234” was read as a fra"]),
    ("0.5\n5.678", [0.5, 5.678], []),
    ("1 234\n5 678", [1, 234, 5, 678], ["Spaces separate: “1 234” was read as several"]),
    # digits, minuses and invisible characters
    ("\u0661\u0662\u066b\u0665", [12.5], [SCRIPT]),
    ("\uff11\uff12\uff0e\uff15 \uff13", [12.5, 3], [SCRIPT]),
    ("\u20135 \u22126", [-5, -6], []),
    ("1\u00a0 2", [1, 2], []),
    ("12\u200b34 5\n", [1234, 5], ["Invisible characters were left out: 1"]),
    # lists as programs print them
    ("[1, 2, 3,]", [1, 2, 3], []),
    ("[1. 2. 3.]", [1.0, 2.0, 3.0], []),
    ("array([1.5, 2. ], dtype=float32)", [1.5, 2], []),
]  # fmt: skip
# The same for a file.
UPLOADED: list[tuple[str, str | bytes, list[float], list[str]]] = [
    ("pandas.csv", "x,y\n1,2.5\n3,4.5\n", [1, 2.5, 3, 4.5], [HEADING, ROWS]),
    ("pandas_index.csv", ",x\n0,1.5\n1,2.5\n", [1.5, 2.5], [HEADING, INDEX]),
    ("pandas_series.csv", ",0\n0,3.5\n1,4.5\n", [3.5, 4.5], [HEADING, INDEX]),
    ("excel_de.csv", "\ufeffPreis;Anzahl\r\n1.234,50;2\r\n-3,5;4\r\n", [1234.5, 2, -3.5, 4],
     [HEADING, "2 rows", "Line 2, field 1: “1.234,50” was read as 1234.50, and 1 more"]),
    ("excel_de_windows.csv", "Größe;Wert\r\n1,5;2\r\n".encode("cp1252"), [1.5, 2],
     ["The file is not in UTF-8", f"{HEADING}: “Größe, Wert”", FIRST]),
    ("excel_sep.csv", "sep=;\r\nx;y\r\n1,5;2\r\n", [1.5, 2],
     ["Line 2 was taken as the heading", "Line 3, field 1"]),
    ("excel_unicode.txt", "x\ty\r\n1,5\t2\r\n".encode("utf-16"), [1.5, 2], [HEADING, FIRST]),
    ("excel_short_rows.csv", "1,2,3\r\n4,,\r\n", [1, 2, 3, 4],
     ["Empty cells were left out: 2, the first in line 2, field 2", "2 rows of 3 columns"]),
    ("tabs.tsv", "a\tb\n1\t2\n3\t4\n", [1, 2, 3, 4], [HEADING, ROWS]),
    ("heading_digits.csv", "x1,Q1 2024\n1,2\n", [1, 2], [f"{HEADING}: “x1, Q1 2024”"]),
    ("thousands.csv", 'x\n"1,234,567"\n"2,345"\n', [1234567, 2345], [HEADING, "Line 2, field 1"]),
    ("quotes.csv", '"1", "2"\r\n3,4,,\r\n\r\n5,6\r\n', [1, 2, 3, 4, 5, 6],
     ["Empty rows were left out: 1", "3 rows of 2 columns"]),
    ("list.JSON", "\ufeff [9007199254740993, -2]\n", [9007199254740993, -2], []),
]  # fmt: skip
# A text that is pasted or in a .txt file, and the beginning of the first sentence.
PASTED_REFUSED = [
    ("1,234\n5,678\n10,000", "Line 1, column 1: “1,234” could be one number or several"),
    ("7\n2,5E+3", "Line 2, column 1: “2,5E+3” could be one number or several"),
    ("1,2,3\n4,5", "Line 2, column 1: “4,5” could be one number or several"),
    ("5\n2. 20", "Line 2, column 1: “2.” looks like the number of a list item"),
    ("Year\tSales\n2022\t1,200\n2023\t1,350\n", "Line 2, field 2: “1,200” could be a fraction or"),
    ("value\n1\n\n3", "Line 3 is an empty field"),
    ("$1,234.50\n$99.00", "Line 1, column 1: “$1” has a currency sign"),
    ("12.5%\n7%", "Line 1, column 1: “12.5%” is a percentage"),
    ("1\nNaN\ninf", "Line 2, column 1: “NaN” is not a finite number"),
    ("1_000 2_000", "Line 1, column 1: “1_000” is not a number"),
    ("1:5", "Line 1, column 1: “1:5” is a date or a time, not a number"),
    ("(5) (6)", "Line 1, column 1: “(5)” is in parentheses"),
    ("1\n=A1", "Line 2, column 1: “=A1” is a formula: export or paste its value"),
    ("1\ufe0f\u20e3 2\ufe0f\u20e3", "Line 1, column 1: “1"),
    ("Temperature: 21.5 C, humidity 40", "Line 1, column 1: “Temperature:” is not a number"),
    ("1,,2", "Line 1, column 3: “,” has no number before it"),
    ("1,000", "Line 1, column 3: “000” begins with a zero"),
    ("1\u00a02\n", "Line 1, column 1: “1\u00a02” has a space in it"),
    ("1 9223372036854775808", "Line 1, column 3: “9223372036854775808” is outside the 64-bit"),
    ("9" * 5000, f"Line 1, column 1: “{'9' * 40}…” is outside the 64-bit integers"),
    ("[" + "9" * 5000 + "]", f"Item 1 of the list: “{'9' * 40}…” is outside the 64-bit integers"),
    ("0.5 1" + "0" * 400, f"Line 1, column 5: “1{'0' * 39}…” is too large for float64"),
    ("1e999", "Line 1, column 1: “1e999” is too large for float64"),
    ('{"values":[1,2,3]}', "Expected a JSON list like [1, 2, 3], got an object"),
    ('[{"x":1},{"x":2}]', "Item 1 of the list: is an object, not a number"),
    ("[[1, 2], [3]]", "Item 1 of the list: is a list, not a number"),
    ('[1, "3"]', 'Item 2 of the list: “"3"” is a text, not a number'),
    ("[1, true]", "Item 2 of the list: “true” is true or false, not a number"),
    ("[1, None]", "Line 1, column 5: “None” stands for a missing value"),
    ("[1, 2", "Line 1, column 6: not JSON: Expecting ',' delimiter"),
    ("[" * 100_000, "Lists in lists: expected one list of numbers"),
    ("[]", "It contains no number"),
    ("   \n\t\n", "It contains no number"),
]
UPLOADED_REFUSED: list[tuple[str, str | bytes, str]] = [
    ("missing.csv", "x,y\n1,2\n,4\n", "Line 3, field 1: “” is an empty field"),
    ("two_styles.csv", "x;y\n1.5;2,5\n",
     "Line 2, field 1: “1.5” has a decimal point, but Line 2, field 2: “2,5” has"),
    ("ragged.csv", "1,2\n3\n", "Line 2: fields: 1, and 2 in line 1"),
    ("currency_behind.csv", "5 €\n6\n", "Line 1, field 1: “5 €” has a currency sign"),
    ("currency_code.csv", "USD 5\n6\n", "Line 1, field 1: “USD 5” has a unit or a currency"),
    ("date.csv", "2024-01-31\n6\n", "Line 1, field 1: “2024-01-31” is a date or a time"),
    ("date_words.csv", "Jan 31 2024\n6\n", "Line 1, field 1: “Jan 31 2024” is a date or a time"),
    ("not_available.csv", "NA\n6\n", "Line 1, field 1: “NA” stands for a missing value"),
    ("error.csv", "#DIV/0!\n6\n", "Line 1, field 1: “#DIV/0!” stands for a missing value"),
    ("word_and_number.csv", "x,1\n2,3", "Line 1, field 1: “x” is not a number"),
    ("two_headings.csv", "x\ny\n1", "Line 2, field 1: “y” is not a number"),
    ("heading_alone.csv", "x\n", "It contains no number"),
    ("long_field.csv", '1\n"' + "2" * 140_000 + '"', "Line 2: not CSV: field larger than field"),
    ("number.json", "5", "Expected a JSON list like [1, 2, 3], got a number"),
    ("binary.txt", bytes(range(64)), "Character 1: the file is not text"),
    ("bytes.txt", b"1 \xff\x81", "Byte 3: the file is not text"),
    ("numbers.csv.gz", gzip.compress(b"1\n", mtime=0), "The file is compressed with gzip"),
    ("renamed_workbook.csv", b"PK\3\4\x14", "The file is an Excel workbook"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "values", "notes"),
    [*((name, *row) for row in PASTED for name in ("", "numbers.txt")), *UPLOADED],
)
def test_is_read(name: str, content: str | bytes, values: list[float], notes: list[str]) -> None:
    found = parse(content, name)
    kind = float if any(isinstance(value, float) for value in values) else int
    assert list(map(repr, found.values.tolist())) == [repr(kind(value)) for value in values]
    assert len(found.notes) == len(notes), found.notes
    for note, beginning in zip(found.notes, notes, strict=True):
        assert note.startswith(beginning)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [*((name, *row) for row in PASTED_REFUSED for name in ("", "numbers.txt")), *UPLOADED_REFUSED],
)
def test_is_refused(name: str, content: str | bytes, reason: str) -> None:
    with pytest.raises(NotNumbersError) as refused:
        parse(content, name)
    assert refused.value.sentences[0].startswith(reason)


def test_the_first_five_are_named_and_the_rest_counted() -> None:
    with pytest.raises(NotNumbersError) as refused:
        parse("a b c d e f g 1")
    assert refused.value.sentences[NAMED:] == ["… and 2 more like these"]


# A table, the columns to choose from, those that are read unless others are chosen, and whether the
# page asks.
TABLES: list[tuple[str, list[str], list[int], bool]] = [
    ("Item\tQty\tPrice\nApple\t3\t1.20\nPear\t5\t0.80\n", ["Item", "Qty", "Price"], [1], True),
    ("id,value\n1001,10\n1002,11\n", ["id", "value"], [1], True),
    ("Year\tSales\n2022\t1,200\n2023\t1,350", ["Year", "Sales"], [0, 1], True),
    ("a;b\n1;2", ["a", "b"], [0, 1], True),
    (",x\na,1.5\nb,2.5", ["(no name)", "x"], [1], True),
    (",x\n0,1.5\n1,2.5", ["(no name)", "x"], [1], False),
    (",a,b\n0,1.5,10\n1,2.5,20", ["(no name)", "a", "b"], [1, 2], True),
    ("1\t2\n3\t4", ["Column 1", "Column 2"], [0, 1], False),
    ("name;1\nx;2", ["Column 1", "Column 2"], [1], True),
    ("only;words\na;b", ["only", "words"], [0], True),
]


@pytest.mark.parametrize(("text", "names", "usual", "asks"), TABLES)
def test_columns_can_be_chosen(
    text: str, names: list[str], usual: list[int], *, asks: bool
) -> None:
    found = reading.read(text)
    assert isinstance(found, Table)
    assert (found.names, found.usual, found.asks) == (names, usual, asks)


def test_the_chosen_columns_are_read_in_their_order_with_their_places() -> None:
    found = reading.read("id,name,price\n1,Apple,1.20\n2,Pear,zero\n3,,4")
    assert isinstance(found, Table)
    assert reading.to_numbers(found.source([0])).values.tolist() == [1, 2, 3]
    with pytest.raises(NotNumbersError, match="Line 3, field 3: “zero” is not a number"):
        reading.to_numbers(found.source([2, 0]))
    assert found.source([0, 1]).texts.to_pylist() == ["1", "Apple", "2", "Pear", "3"]
    # Rows that have to be whole keep their empty cells.
    assert found.source([0, 1], whole=True).texts.to_pylist()[-2:] == ["3", ""]


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("3,14\n2,71", {SEPARATOR: [3, 14, 2, 71], COMMA: [3.14, 2.71], POINT: None}),
        ("1,234\n5,678", {SEPARATOR: [1, 234, 5, 678], COMMA: [1.234, 5.678], POINT: [1234, 5678]}),
        ('x;y\n"1,234";"5,678"', {COMMA: [1.234, 5.678], POINT: [1234, 5678]}),
    ],
)
def test_commas_have_the_meaning_that_is_chosen(
    text: str, readings: dict[Marks, list[float] | None]
) -> None:
    with pytest.raises(NotNumbersError) as refused:
        parse(text)
    assert refused.value.ambiguous
    for marks, values in readings.items():
        if values is None:
            with pytest.raises(NotNumbersError, match="is not written like"):
                parse(text, marks=marks)
        else:
            assert parse(text, marks=marks).values.tolist() == values


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *(("a.txt", f"1{mark}" * 11) for mark in " ,;"),
        ("a.csv", "1\n" * 11),
        ("a.json", f"[{'1,' * 10}1]"),
    ],
)
def test_more_numbers_than_the_limit_are_refused_with_the_limit(name: str, content: str) -> None:
    with pytest.raises(TooMuchError, match="10"):
        parse(content, name, max_numbers=10)
    assert parse(content, name, max_numbers=11).values.tolist() == [1] * 11


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1)
    | st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1),
    st.sampled_from([",", " ", "\n", ", ", " ,\t", "\r\n", " , \n", ";", "; "]),
)
@example([2**53 + 1, -(2**63)], ",")
def test_numbers_in_text_json_and_files_are_read_exactly(
    values: list[int] | list[float], separator: str
) -> None:
    texts = list(map(repr, values))
    for found in (
        parse(separator.join(texts)),
        parse(json.dumps(values)),
        parse("\n".join(texts), "a.CSV"),
    ):
        assert list(map(repr, found.values.tolist())) == texts


@given(st.text() | st.binary(), st.sampled_from(["a.csv", "a.txt", "a.json", ""]))
def test_anything_is_numbers_or_a_sentence_with_a_reason(content: str | bytes, name: str) -> None:
    try:
        values = parse(content, name).values
    except NotNumbersError as error:
        assert 1 <= len(error.sentences) <= NAMED + 1
        assert all(error.sentences)
    else:
        assert values.size
        assert np.isfinite(values).all()


@given(
    st.lists(st.integers().map(str), min_size=1, max_size=20),
    st.text(st.characters(categories=["L"]), min_size=1, max_size=10),
    st.lists(st.integers().map(str), max_size=20),
    st.sampled_from([" ", "\n", "\n\n", ", "]),
)
def test_the_named_place_is_the_right_one(
    before: list[str], word: str, after: list[str], separator: str
) -> None:
    text = separator.join([*before, word, *after])
    with pytest.raises(NotNumbersError) as refused:
        parse(text)
    place = refused.value.sentences[0].split(":")[0]
    line, column = (int(part.split()[1]) for part in place.split(", "))
    assert text.split("\n")[line - 1][column - 1 :].startswith(word)


@given(
    st.lists(st.floats(-1e9, 1e9).map(lambda x: round(x, 2)), min_size=1, max_size=20),
    st.sampled_from([",.", ".,", "'.", "\u2019,", "\u00a0.", "\u202f,"]),
)
def test_one_list_gives_the_same_numbers_in_every_locale(values: list[float], marks: str) -> None:
    written = [f"{value:,.2f}".translate(str.maketrans(",.", marks)) for value in values]
    found = parse("\n".join(f'"{text}"' for text in written), "a.csv")
    assert found.values.tolist() == values
