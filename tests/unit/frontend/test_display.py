import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend import display


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (ints(2**53 - 1, -(2**53) + 1, 0), [2**53 - 1, -(2**53) + 1, 0]),
        (np.array([0.1, 1e15, 0.0]), [0.1, 1e15, 0.0]),
        # texts, where the browser would change a number
        (ints(2**53, 1), ["9007199254740992", "1"]),
        (ints(-(2**63)), ["-9223372036854775808"]),
        (np.array([1e300, 1.5]), ["1e+300", "1.5"]),
        (np.array([-0.0, 1.5, 2.0]), ["-0.0", "1.5", "2.0"]),
    ],
)
def test_a_column_is_what_the_browser_shows_exactly(
    values: np.ndarray, expected: list[object]
) -> None:
    assert repr(display.column(values).to_pylist()) == repr(expected)


@pytest.mark.parametrize(
    ("shape", "names", "expected"),
    [
        ((4,), [], ["y"]),
        ((1, 4), [], ["y"]),
        ((4, 2), [], ["y 0", "y 1"]),
        ((4, 2), ["cat"], ["y 0", "y 1"]),
        ((2, 2), ["cat", "dog"], ["cat", "dog"]),
        ((2, 2, 2), [], ["y 0", "y 1", "y 2", "y 3"]),
        ((2, 30), [], ["y, row 1", "y, row 2"]),
        ((0, 3), [], ["y"]),
    ],
)
def test_an_output_becomes_as_many_columns_as_a_person_can_compare(
    shape: tuple[int, ...], names: list[str], expected: list[str]
) -> None:
    values = np.arange(math.prod(shape))
    found = display.columns_of("y", values, shape, names)
    assert list(found) == expected
    assert sorted(np.concatenate(list(found.values())).tolist()) == values.tolist()


@given(
    st.lists(st.tuples(*[st.integers(-(2**63), 2**63 - 1)] * 2), min_size=1, max_size=300),
    st.integers(min_value=4, max_value=40),
)
def test_a_long_list_keeps_its_outline_and_a_short_one_is_whole(
    pairs: list[tuple[int, int]], points: int
) -> None:
    series = [ints(*column) for column in zip(*pairs, strict=True)]
    drawn = display.chart_indices(series, points).tolist()
    assert len(drawn) <= points
    assert drawn == sorted(set(drawn))
    assert len(pairs) > points or len(drawn) == len(pairs)
    for values in series:
        kept = values[drawn]
        assert (kept.min(), kept.max()) == (values.min(), values.max())


def test_markdown_shows_plain_text_letter_by_letter() -> None:
    assert display.plain("![x](http://a_b*c`$[2]") == r"\!\[x\]\(http\://a\_b\*c\`\$\[2\]"
