from __future__ import annotations

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from frontend import parsing
from frontend.parsing import NotNumbersError, Numbers, parse, parse_file

integers = st.integers() | st.integers(min_value=2**53, max_value=2**63)
floats = st.floats(allow_nan=False, allow_infinity=False)
separators = st.sampled_from([",", " ", "\n", ", ", " ,\t", "\r\n", " , \n"])


def problems(text: str) -> list[str]:
    with pytest.raises(NotNumbersError) as refused:
        parse(text)
    return refused.value.problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2,3", [1, 2, 3]),
        ("1 2\n3", [1, 2, 3]),
        (" \n1 , 2\t,\r\n3 \n", [1, 2, 3]),
        ("1, 2,", [1, 2]),
        ("1\u00a02", [1, 2]),
        ("[1, 2, 3]", [1, 2, 3]),
        ("\n [ 1,\n2 ]\n", [1, 2]),
        ("9007199254740993 -9223372036854775808", [9007199254740993, -(2**63)]),
        ("+5 -0 0", [5, 0, 0]),
        ("[-0]", [0]),
    ],
)
def test_integers_stay_integers(text: str, expected: list[int]) -> None:
    found = parse(text).values
    assert found == expected
    assert set(map(type, found)) == {int}


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
    assert found == expected
    assert set(map(type, found)) == {float}


def test_negative_zero_keeps_its_sign() -> None:
    assert math.copysign(1, parse("-0.0").values[0]) == -1


@given(st.lists(integers, min_size=1), separators)
@example([2**53 + 1, -(2**63)], ",")
def test_integers_come_back_exact_in_any_form(values: list[int], separator: str) -> None:
    assert parse(separator.join(map(str, values))) == Numbers(values)
    assert parse(json.dumps(values)) == Numbers(values)
    assert parse_file("a.CSV", "\n".join(map(str, values)).encode()) == Numbers(values)


@given(st.lists(floats, min_size=1), separators)
def test_floats_come_back_exact_in_any_form(values: list[float], separator: str) -> None:
    for text in (separator.join(map(repr, values)), json.dumps(values)):
        assert list(map(repr, parse(text).values)) == list(map(repr, values))


@given(st.text())
def test_any_text_is_numbers_or_a_sentence_with_a_reason(text: str) -> None:
    try:
        values = parse(text).values
    except NotNumbersError as error:
        assert 1 <= len(error.problems) <= parsing.NAMED
        assert all(error.problems)
    else:
        assert values
        assert all(math.isfinite(value) for value in values)


@given(st.binary(), st.sampled_from(["a.csv", "a.txt", "a.json", ""]))
def test_any_file_is_numbers_or_a_sentence(content: bytes, name: str) -> None:
    try:
        assert parse_file(name, content).values
    except NotNumbersError as error:
        assert error.problems


@given(
    st.lists(st.integers().map(str), max_size=20),
    st.text(st.characters(categories=["L"]), min_size=1, max_size=10),
    st.lists(st.integers().map(str), max_size=20),
    st.sampled_from([" ", "\n", "\n\n", ", "]),
)
def test_the_named_place_is_where_it_stands(
    before: list[str], word: str, after: list[str], separator: str
) -> None:
    text = separator.join([*before, word, *after])
    with pytest.raises(NotNumbersError) as refused:
        parse(text)
    place = refused.value.problems[0].split(":")[0]
    line, column = (int(part.split()[1]) for part in place.split(", "))
    assert text.split("\n")[line - 1][column - 1 :].startswith(word)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1, 2\n3, x", "Line 2, column 4: “x” is not a number"),
        ("0.5 x", "Line 1, column 5: “x” is not a number"),
        ("1;2", "Line 1, column 1: “1;2” is not a number"),
        ("1,,2", "Line 1, column 3: “,” has no number before it"),
        (",1", "Line 1, column 1: “,” has no number before it"),
        ("1 0x10", "Line 1, column 3: “0x10” is not a number"),
        ("1_000", "Line 1, column 1: “1_000” is not a number"),
        ("٣", "Line 1, column 1: “٣” is not a number"),
        ("NaN", "Line 1, column 1: “NaN” is not a finite number"),
        ("1 -inf", "Line 1, column 3: “-inf” is not a finite number"),
        ("1e999", "Line 1, column 1: “1e999” is too large for float64"),
        ("", "There is no number in it"),
        (" \n ", "There is no number in it"),
        ("[]", "There is no number in it"),
        ("[1, 2", "Line 1, column 6: not JSON: Expecting ',' delimiter"),
        ("[1,\n2,,3]", "Line 2, column 3: not JSON: Expecting value"),
        ('[1, "3"]', 'Item 2 of the list: “"3"” is a text, not a number'),
        ("[null]", "Item 1 of the list: “null” is null, not a number"),
        ("[1, true]", "Item 2 of the list: “true” is true or false, not a number"),
        ("[[1]]", "Item 1 of the list: “[1]” is a list, not a number"),
        ("[{}]", "Item 1 of the list: “{}” is an object, not a number"),
        ("[1, NaN]", "Item 2 of the list: “NaN” is not a finite number"),
        ("[1e999]", "Item 1 of the list: “1e999” is too large for float64"),
        ('{"a": 1}', "Expected a JSON list like [1, 2, 3], got an object"),
        ("[" * 100_000, "Lists in lists: expected one list of numbers"),
    ],
)
def test_what_is_not_a_number_is_named_with_its_place(text: str, expected: str) -> None:
    assert problems(text) == [expected]


def test_thousands_separators_are_not_taken_for_several_numbers() -> None:
    assert "begins with a zero" in problems("1,000")[0]


@pytest.mark.parametrize("text", ["9" * 5000, "[" + "9" * 5000 + "]"])
def test_endless_integers_are_refused_and_cut(text: str) -> None:
    (problem,) = problems(text)
    assert "has more than 4300 digits" in problem
    assert len(problem) < 150


def test_an_integer_too_large_for_the_fraction_beside_it_is_named() -> None:
    assert problems("0.5 1" + "0" * 400)[0].startswith("Line 1, column 5: “1000")


def test_the_first_five_are_named_and_the_rest_counted() -> None:
    with pytest.raises(NotNumbersError) as refused:
        parse("a b c d e f g 1")
    assert len(refused.value.problems) == 5
    assert refused.value.more == 2


def test_an_integer_that_a_fraction_rounds_is_told() -> None:
    numbers = parse("0.5\n9007199254740993")
    assert numbers.values == [0.5, 9007199254740992.0]
    (note,) = numbers.notes
    assert "Line 2, column 1: 9007199254740993 becomes 9007199254740992.0" in note


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"1,2\n3,4\n", [1, 2, 3, 4]),
        ("a.csv", b'"1", "2"\r\n3,4,,\r\n\r\n5\r\n', [1, 2, 3, 4, 5]),
        ("a.csv", b"\xef\xbb\xbf1,2", [1, 2]),
        ("a.txt", b"\xef\xbb\xbf1 2", [1, 2]),
        ("a.txt", b"[1, 2]", [1, 2]),
        ("a.JSON", b" [9007199254740993]", [9007199254740993]),
    ],
)
def test_files_are_read_by_their_kind(name: str, content: bytes, expected: list[int]) -> None:
    assert parse_file(name, content) == Numbers(expected)


def test_a_heading_is_left_out_and_told() -> None:
    numbers = parse_file("a.csv", b"x,y\n1,2\n")
    assert numbers.values == [1, 2]
    assert numbers.notes == ("Line 1 was taken as the heading: “x, y”",)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"x,1\n2,3", "Line 1, field 1: “x” is not a number"),
        ("a.csv", b"x\ny\n1", "Line 2, field 1: “y” is not a number"),
        ("a.csv", b"x,y\n1,2\n3,,4", "Line 3, field 2: “” is an empty field"),
        ("a.csv", b"nan\n1", "Line 1, field 1: “nan” is not a finite number"),
        ("a.csv", b"x\n", "There is no number in it"),
        (
            "a.csv",
            b'1\n"' + b"2" * 140_000 + b'"',
            "Line 2: not CSV: field larger than field limit",
        ),
        ("a.txt", b"1 \xff", "Byte 3: the file is not text in UTF-8"),
        ("a.csv", "1,2".encode("utf-16"), "Byte 1: the file is not text in UTF-8"),
        ("a.json", b"1 2", "Line 1, column 3: not JSON: Extra data"),
        ("a.json", b"5", "Expected a JSON list like [1, 2, 3], got a number"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_place(
    name: str, content: bytes, expected: str
) -> None:
    with pytest.raises(NotNumbersError) as refused:
        parse_file(name, content)
    assert refused.value.problems[0].startswith(expected)
