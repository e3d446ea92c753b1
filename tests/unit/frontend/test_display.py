from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend import display


def test_a_column_holds_numbers_while_the_browser_shows_them_exactly() -> None:
    exact: list[int] = [2**53 - 1, -(2**53) + 1, 0]
    assert display.column(exact) == exact
    assert display.column([0.1, 1e300, 0.0]) == [0.1, 1e300, 0.0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2**53, 1], ["9007199254740992", "1"]),
        ([-(2**63)], ["-9223372036854775808"]),
        ([-0.0, 1.5], ["-0.0", "1.5"]),
    ],
)
def test_a_column_is_text_where_the_browser_would_change_a_number(
    values: list[float], expected: list[str]
) -> None:
    assert display.column(values) == expected


def test_a_short_list_is_drawn_whole() -> None:
    assert display.chart_indices([3, 1, 2], [6, 2, 4], points=4) == [0, 1, 2]


@given(
    st.lists(st.tuples(st.integers(), st.integers()), min_size=1, max_size=300),
    st.integers(min_value=4, max_value=40),
)
def test_a_long_list_keeps_its_outline(pairs: list[tuple[int, int]], points: int) -> None:
    inputs, outputs = [a for a, _ in pairs], [b for _, b in pairs]
    drawn = display.chart_indices(inputs, outputs, points)
    assert len(drawn) <= max(points, min(len(pairs), points))
    assert drawn == sorted(set(drawn))
    for series in (inputs, outputs):
        kept = [series[i] for i in drawn]
        assert (min(kept), max(kept)) == (min(series), max(series))


def test_the_chart_draws_each_series_at_its_places() -> None:
    chart = display.chart([1, 2, 3], [2, 4, 6], [0, 2])
    assert chart["data"] == {
        "values": [
            {"position": 1, "series": "Input", "value": 1.0},
            {"position": 3, "series": "Input", "value": 3.0},
            {"position": 1, "series": "Output", "value": 2.0},
            {"position": 3, "series": "Output", "value": 6.0},
        ]
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no mark", "no mark"),
        ("![x](http://example.com)", r"\!\[x\]\(http\://example\.com\)"),
        ("$[2]", r"\$\[2\]"),
        ("a_b*c`d", r"a\_b\*c\`d"),
    ],
)
def test_markdown_shows_plain_text_letter_by_letter(text: str, expected: str) -> None:
    assert display.plain(text) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.0004, "0 ms"), (0.0126, "13 ms"), (0.9994, "999 ms"), (1, "1.00 s")],
)
def test_a_time_is_told_as_a_person_reads_it(seconds: float, expected: str) -> None:
    assert display.duration(seconds) == expected
