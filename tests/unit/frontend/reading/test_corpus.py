"""Small files of the kinds that users upload, and the result of each: numbers or a refusal.

Nothing is dropped and nothing split without a note, and a first row that could be data is never
taken for a heading.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from frontend.reading import NotNumbersError
from tests.unit.frontend.reading.reads import parse_file

CORPUS = Path(__file__).parent.parent / "corpus"
HEADING = "Line 1 was taken as the heading"

# The numbers, and the beginning of each note.
READ: dict[str, tuple[list[float], list[str]]] = {
    "pandas.csv": ([1, 2.5, 3, 4.5], [HEADING, "2 rows of 2 columns"]),
    "pandas_index.csv": ([1.5, 2.5], [HEADING, "The column without a name"]),
    "pandas_decimal_comma.csv": ([1.5, 2.25], [HEADING, "Line 2, field 1: “1,5” was read as 1.5"]),
    "numpy_savetxt.txt": ([1, 2.5, -3, 4], []),
    "excel_us.csv": (
        [1234.5, 2, -3.5, 4],
        [HEADING, "2 rows", "Line 2, field 1: “1,234.50” was read as 1234.50"],
    ),
    "excel_de.csv": (
        [1234.5, 2, -3.5, 4],
        [HEADING, "2 rows", "Line 2, field 1: “1.234,50” was read as 1234.50, and 1 more"],
    ),
    "excel_de_windows.csv": (
        [1.5, 2],
        ["The file is not in UTF-8", f"{HEADING}: “Größe, Wert”", "Line 2"],
    ),
    "excel_fr.csv": ([1234.5, 2, -3.5, 4], [HEADING, "2 rows", "Line 2, field 1"]),
    "excel_ch.csv": ([1234.5, 2, 3.5, 4], [HEADING, "2 rows", "Line 2, field 1"]),
    "excel_sep.csv": ([1.5, 2], ["Line 2 was taken as the heading", "Line 3, field 1"]),
    "excel_unicode.txt": ([1.5, 2], [HEADING, "Line 2, field 1"]),
    "excel_short_rows.csv": (
        [1, 2, 3, 4],
        ["Empty cells were left out: 2, the first in line 2, field 2", "2 rows of 3 columns"],
    ),
    "pandas_named_index.csv": ([1.5, 2.5], [HEADING]),
    "libreoffice_tabs.csv": ([1, 2], [HEADING]),
    "heading_digits.csv": ([1, 2], [f"{HEADING}: “x1, Q1 2024”"]),
    "thousands.csv": ([1234567, 2345], [HEADING, "Line 2, field 1"]),
    "thousands_no_break.csv": ([1234, 2345], ["Line 1, field 1"]),
    "minus.txt": ([-5, -6], []),
    "zero_width.txt": ([1234, 5], ["Invisible characters were left out: 1"]),
    "marks.txt": ([1, 2], ["Invisible characters were left out: 2"]),
    "no_break_list.txt": ([1, 2, 3], []),
    "commas.txt": ([1, 2, 3, 4, 5, 6], []),
    "semicolons.txt": ([1.5, 2.5], ["Line 1, field 1: “1,5” was read as 1.5"]),
    "pandas_series.csv": ([1, 2], [HEADING, "The column without a name"]),
    "unquoted_decimal_comma.csv": ([1.5], [HEADING, "Line 2, field 1: “1,5” was read as 1.5"]),
    "digits_elsewhere.txt": ([3], ["Digits of another script"]),
    "trailing_comma.json": ([1, 2], []),
    "list.json": ([9007199254740993, -2], []),
}

# The position and the reason.
REFUSED = {
    "pandas_missing.csv": "Line 3, field 1: “” is an empty field",
    "thousands_or_fraction.csv": "Line 2, field 1: “1,234” could be a fraction or thousands",
    "two_styles.csv": "Line 2, field 1: “1.5” has a decimal point, but Line 2, field 2: “2,5” has",
    "unquoted_thousands.csv": "Line 2, field 1: “1,234” could be a fraction or thousands",
    "ragged.csv": "Line 2: fields: 1, and 2 in line 1",
    "currency_first.csv": "Line 1, field 1: “$5” has a currency sign",
    "currency_behind.csv": "Line 1, field 1: “5 €” has a currency sign",
    "currency_code.csv": "Line 1, field 1: “USD 5” has a unit or a currency",
    "percent_first.csv": "Line 1, field 1: “50%” is a percentage",
    "parentheses_first.csv": "Line 1, field 1: “(5)” is in parentheses",
    "formula_first.csv": "Line 1, field 1: “=1+1” is a formula",
    "date_first.csv": "Line 1, field 1: “2024-01-31” is a date or a time",
    "date_de_first.csv": "Line 1, field 1: “31.12.2024” is a date or a time",
    "date_words_first.csv": "Line 1, field 1: “Jan 31 2024” is a date or a time",
    "time_first.csv": "Line 1, field 1: “12:30” is a date or a time",
    "missing_first.csv": "Line 1, field 1: “NA” stands for a missing value",
    "error_first.csv": "Line 1, field 1: “#DIV/0!” stands for a missing value",
    "nan_first.csv": "Line 1, field 1: “nan” is not a finite number",
    "true_first.csv": "Line 2, field 1: “TRUE” is not a number",
    "leading_zero_first.csv": "Line 1, field 1: “007” begins with a zero",
    "no_break_pair.txt": "Line 1, column 1: “1\u00a02” has a space in it",
    "decimal_commas.txt": "Line 1, column 1: “1,5” could be one number or several",
    "decimal_commas_spaced.txt": "Line 1, column 1: “1,5” could be one number or several",
    "beyond_int64.txt": "Line 1, column 1: “9223372036854775808” is outside the 64-bit integers",
    "lists.json": "Item 1 of the list: is a list, not a number",
    "list_of_texts.json": 'Item 1 of the list: “"1,5"” is a text, not a number',
    "pandas_records.json": "Item 1 of the list: is an object, not a number",
    "pandas_columns.json": "Expected a JSON list like [1, 2, 3], got an object",
    "binary.txt": "Character 1: the file is not text",
}


@pytest.mark.parametrize("name", READ)
def test_is_read(name: str) -> None:
    values, notes = READ[name]
    found = parse_file(name, (CORPUS / name).read_bytes())
    assert found.values.tolist() == values
    assert len(found.notes) == len(notes), found.notes
    for note, beginning in zip(found.notes, notes, strict=True):
        assert note.startswith(beginning)


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused(name: str) -> None:
    with pytest.raises(NotNumbersError) as refused:
        parse_file(name, (CORPUS / name).read_bytes())
    assert refused.value.sentences[0].startswith(REFUSED[name])


def test_every_file_has_its_line() -> None:
    assert {path.name for path in CORPUS.iterdir()} == {*READ, *REFUSED}
