from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from frontend.reading import NotNumbersError, TooMuchError
from frontend.reading.numbers import NAMED
from tests.unit.frontend.reading.reads import parse, parse_file

integers = st.integers(min_value=-(2**63), max_value=2**63 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
separators = st.sampled_from([",", " ", "\n", ", ", " ,\t", "\r\n", " , \n", ";", "; "])


def problems(text: str) -> list[str]:
    with pytest.raises(NotNumbersError) as refused:
        parse(text)
    problems: list[str] = refused.value.sentences
    return problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2,3", [1, 2, 3]),
        ("1 2\n3", [1, 2, 3]),
        (" \n1 , 2\t,\r\n3 \n", [1, 2, 3]),
        ("1, 2,", [1, 2]),
        ("1\u00a0 2", [1, 2]),
        ("1;2", [1, 2]),
        ("1\t2\n3\t4", [1, 2, 3, 4]),
        ("\u22121", [-1]),
        ("[1, 2, 3]", [1, 2, 3]),
        ("\n [ 1,\n2 ]\n", [1, 2]),
        ("9007199254740993 -9223372036854775808", [9007199254740993, -(2**63)]),
        ("+5 -0 0", [5, 0, 0]),
        ("[-0]", [0]),
    ],
)
def test_integers_stay_integers(text: str, expected: list[int]) -> None:
    found = parse(text).values
    assert found.tolist() == expected
    assert found.dtype == "int64"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.5, 2", [1.5, 2.0]),
        ("1e3", [1000.0]),
        (".5 5. -1E-2", [0.5, 5.0, -0.01]),
        ("[0.1, 2]", [0.1, 2.0]),
        ("5e-324 1.7976931348623157e308", [5e-324, 1.7976931348623157e308]),
    ],
)
def test_a_fraction_or_exponent_makes_all_floats(text: str, expected: list[float]) -> None:
    found = parse(text).values
    assert found.tolist() == expected
    assert found.dtype == "float64"


def test_negative_zero_keeps_its_sign() -> None:
    assert math.copysign(1, parse("-0.0").values[0]) == -1


@given(st.lists(integers, min_size=1) | st.lists(floats, min_size=1), separators)
@example([2**53 + 1, -(2**63)], ",")
def test_numbers_in_text_json_and_files_are_read_exactly(
    values: list[int] | list[float], separator: str
) -> None:
    texts = list(map(repr, values))
    for found in (
        parse(separator.join(texts)),
        parse(json.dumps(values)),
        parse_file("a.CSV", "\n".join(texts).encode()),
    ):
        assert list(map(repr, found.values.tolist())) == texts


@given(st.text())
def test_any_text_is_numbers_or_a_sentence_with_a_reason(text: str) -> None:
    try:
        values = parse(text).values
    except NotNumbersError as error:
        assert 1 <= len(error.sentences) <= NAMED + 1
        assert all(error.sentences)
    else:
        assert values.size
        assert np.isfinite(values).all()


@given(st.binary(), st.sampled_from(["a.csv", "a.txt", "a.json", ""]))
def test_any_file_is_numbers_or_a_sentence(content: bytes, name: str) -> None:
    try:
        assert parse_file(name, content).values.size
    except NotNumbersError as error:
        assert error.sentences


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1, 2\n3, x", "Line 2, column 4: “x” is not a number"),
        ("0.5 x", "Line 1, column 5: “x” is not a number"),
        ("1:2", "Line 1, column 1: “1:2” is a date or a time, not a number"),
        ("1 9223372036854775808", "Line 1, column 3: “9223372036854775808” is outside the 64-bit"),
        ("1\n=A1", "Line 2, column 1: “=A1” is a formula: export or paste its value"),
        ("1\x002", "Line 1, column 1: “1\\u00002” is not a number"),
        ("1,,2", "Line 1, column 3: “,” has no number before it"),
        (",1", "Line 1, column 1: “,” has no number before it"),
        ("1 0x10", "Line 1, column 3: “0x10” is not a number"),
        ("1 -inf", "Line 1, column 3: “-inf” is not a finite number"),
        ("1e999", "Line 1, column 1: “1e999” is too large for float64"),
        ("", "It contains no number"),
        (" \n ", "It contains no number"),
        ("[]", "It contains no number"),
        ("[1, 2", "Line 1, column 6: not JSON: Expecting ',' delimiter"),
        ("[1,\n2,,3]", "Line 2, column 3: “,” has no number before it"),
        ('[1, "3"]', 'Item 2 of the list: “"3"” is a text, not a number'),
        ("[null]", "Item 1 of the list: “null” is null, not a number"),
        ("[1, true]", "Item 2 of the list: “true” is true or false, not a number"),
        ("[1, NaN]", "Item 2 of the list: “NaN” is not a finite number"),
        ("[1e999]", "Item 1 of the list: “1e999” is too large for float64"),
        ("[" * 100_000, "Lists in lists: expected one list of numbers"),
    ],
)
def test_what_is_not_a_number_is_named_with_its_place(text: str, expected: str) -> None:
    (problem,) = problems(text)
    assert problem.startswith(expected)


def test_thousands_separators_are_not_taken_for_several_numbers() -> None:
    assert "begins with a zero" in problems("1,000")[0]


@pytest.mark.parametrize("text", ["9" * 5000, "[" + "9" * 5000 + "]"])
def test_endless_integers_are_refused_and_cut(text: str) -> None:
    (problem,) = problems(text)
    assert "is outside the 64-bit integers" in problem
    assert len(problem) < 150


def test_an_integer_too_large_for_the_fraction_beside_it_is_named() -> None:
    problem = problems("0.5 1" + "0" * 400)[0]
    assert problem.startswith("Line 1, column 5: “1000")
    assert "too large for float64" in problem


def test_the_first_five_are_named_and_the_rest_counted() -> None:
    with pytest.raises(NotNumbersError) as refused:
        parse("a b c d e f g 1")
    assert refused.value.sentences[5:] == ["… and 2 more like these"]


def test_an_integer_that_a_fraction_rounds_is_noted() -> None:
    numbers = parse("0.5\n9007199254740993")
    assert numbers.values.tolist() == [0.5, 9007199254740992.0]
    (note,) = numbers.notes
    assert "Line 2, column 1: 9007199254740993 becomes 9007199254740992.0" in note


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"1,2\n3,4\n", [1, 2, 3, 4]),
        ("a.csv", b'"1", "2"\r\n3,4,,\r\n\r\n5,6\r\n', [1, 2, 3, 4, 5, 6]),
        ("a.csv", b"\xef\xbb\xbf1,2", [1, 2]),
        ("a.txt", b"\xef\xbb\xbf1 2", [1, 2]),
        ("a.txt", b"[1, 2]", [1, 2]),
        ("a.JSON", b" [9007199254740993]", [9007199254740993]),
    ],
)
def test_files_are_read_by_their_kind(name: str, content: bytes, expected: list[int]) -> None:
    assert parse_file(name, content).values.tolist() == expected


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"x,1\n2,3", "Line 1, field 1: “x” is not a number"),
        ("a.csv", b"x\ny\n1", "Line 2, field 1: “y” is not a number"),
        ("a.csv", b"x;y\n1;2\n3;;4", "Line 3, field 2: “” is an empty field"),
        ("a.csv", b"x\n", "It contains no number"),
        (
            "a.csv",
            b'1\n"' + b"2" * 140_000 + b'"',
            "Line 2: not CSV: field larger than field limit",
        ),
        ("a.txt", b"1 \xff\x81", "Byte 3: the file is not text"),
        ("a.csv", "1,2".encode("utf-16-le"), "Character 2: the file is not text"),
        ("a.json", b"1 2", "Line 1, column 3: not JSON: Extra data"),
        ("a.json", b"5", "Expected a JSON list like [1, 2, 3], got a number"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_place(
    name: str, content: bytes, expected: str
) -> None:
    with pytest.raises(NotNumbersError) as refused:
        parse_file(name, content)
    assert refused.value.sentences[0].startswith(expected)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b"1 " * 11),
        ("a.txt", b"1," * 11),
        ("a.txt", b"1;" * 11),
        ("a.csv", b"1\n" * 11),
        ("a.json", b"[" + b"1," * 10 + b"1]"),
    ],
)
def test_more_numbers_than_the_limit_are_refused_with_the_limit(name: str, content: bytes) -> None:
    with pytest.raises(TooMuchError, match="10"):
        parse_file(name, content, max_numbers=10)
    assert parse_file(name, content, max_numbers=11).values.tolist() == [1] * 11


@pytest.mark.parametrize("text", ["1,5", "1,234", "100,200,300"])
def test_a_comma_that_could_be_in_a_number_is_noted(text: str) -> None:
    numbers = parse(text)
    assert len(numbers.values) == text.count(",") + 1
    (note,) = numbers.notes
    assert f"“{text}” was read as several numbers" in note


@given(st.integers(min_value=-(10**12), max_value=10**12), st.sampled_from("'\u2019\u00a0\u202f"))
def test_thousands_are_read_whatever_separates_them(value: int, mark: str) -> None:
    content = f"{value:,}".replace(",", mark).encode()
    assert parse_file("a.csv", content).values.tolist() == [value]


@pytest.mark.parametrize("separators", [",.", ".,"], ids=["English", "German"])
@given(values=st.lists(st.floats(-1e9, 1e9).map(lambda x: round(x, 2)), min_size=1, max_size=20))
def test_one_list_gives_the_same_numbers_in_every_locale(
    values: list[float], separators: str
) -> None:
    written = [f"{value:,.2f}".translate(str.maketrans(",.", separators)) for value in values]
    found = parse_file("a.csv", "\n".join(f'"{text}"' for text in written).encode())
    assert found.values.tolist() == values
