"""Prepare numbers for the browser: exact in the table, reduced in the chart."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Up to here, JavaScript, and so the table, represents every integer exactly.
EXACT_IN_BROWSER = 2**53 - 1
# The most points of a line that a screen can distinguish.
CHART_POINTS = 1000
# The most columns that a reader can compare.
TABLE_COLUMNS = 20
_MARKDOWN = re.compile(r"[\\`*_{}\[\]()<>#+\-.!|~$:&]")


def column(values: np.ndarray | list[str]) -> pa.Array:
    """Return a column of a table: numbers, or their text if the browser would change one.

    A browser does not show integers beyond 2^53, nor floats of that size, and shows -0.0 as 0.
    """
    if isinstance(values, list):
        return pa.array(values, pa.large_string())
    shown = np.abs(values, dtype=np.float64) <= EXACT_IN_BROWSER
    if values.dtype.kind == "f":
        # A float with a fraction is below 2^53; a large one is a whole number.
        shown &= (values != 0) | ~np.signbit(values)
    return pa.array(values) if shown.all() else texts(values)


def texts(values: np.ndarray) -> pa.Array:
    """Return numbers as text: exact integers; the shortest exact floats, with a point or "e"."""
    found = pc.cast(pa.array(values), pa.large_string())
    if values.dtype.kind != "f":
        return found
    # Arrow writes a whole float without a decimal point.
    return pc.replace_substring_regex(found, r"^(-?[0-9]+)$", r"\1.0")


def table(columns: Mapping[str, np.ndarray | list[str]]) -> pa.Table:
    """Return a table of columns of equal length, after a column that counts the rows from 1."""
    count = len(next(iter(columns.values())))
    numbered = {"No.": pa.array(np.arange(1, count + 1, dtype=np.int32))}
    return pa.table({**numbered, **{name: column(values) for name, values in columns.items()}})


def columns_of(
    name: str, values: np.ndarray, shape: tuple[int, ...], names: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """Return an output as columns of a table, with a row per index of the first dimension.

    A few long rows become columns; otherwise it is one. `names` are the last dimension's, if known.
    """
    if len(shape) > 1 and values.size:
        rows = values.reshape(shape[0], -1)
        if len(set(names)) == rows.shape[1]:
            return dict(zip(names, rows.T, strict=True))
        if rows.shape[1] <= TABLE_COLUMNS and rows.shape[0] > 1:
            return {f"{name} {i}": rows[:, i] for i in range(rows.shape[1])}
        if 1 < rows.shape[0] <= TABLE_COLUMNS:
            return {f"{name}, row {i + 1}": row for i, row in enumerate(rows)}
    return {name: values}


def chart_indices(series: list[np.ndarray], points: int = CHART_POINTS) -> np.ndarray:
    """Return the indices of the numbers to draw: all, or about `points` that keep the outline.

    A long list is divided into equal parts. Each part contributes its smallest and largest number
    of each series, so that no peak gets lost.
    """
    count = len(series[0])
    if count <= points:
        return np.arange(count)
    parts = max(1, points // (2 * len(series)))
    edges = np.arange(parts + 1) * count // parts
    kept = [
        begin + int(find(values[begin:end]))
        for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        for values in series
        for find in (np.argmin, np.argmax)
    ]
    return np.unique(kept)


def plain(text: str) -> str:
    """Return `text` escaped for Markdown, so that it is shown literally."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def duration(seconds: float) -> str:
    """Return a duration in readable form."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def mib(count: float) -> str:
    """Return a number of bytes as MiB, in readable form."""
    return f"{count / 2**20:.1f} MiB"
