"""Numbers as the browser can show them: exact in the table, few enough in the chart."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

# The largest integer up to which JavaScript, and so the table, holds every one.
EXACT_IN_BROWSER = 2**53 - 1
# Points of a line that a screen can still tell apart.
CHART_POINTS = 1000
# A line of fewer has a dot for each number.
CHART_DOTS = 50
# Input and output, told apart on white and on black.
COLORS = ["#64748b", "#ea580c"]
_MARKDOWN = re.compile(r"[\\`*_{}\[\]()<>#+\-.!|~$:&]")


def column(values: Sequence[float]) -> list[float] | list[str]:
    """Return a table's column: numbers, or their text where the browser would change one."""
    if any(map(_changed_by_browser, values)):
        return [str(v) for v in values]
    return list(values)


def _changed_by_browser(value: float) -> bool:
    """Say whether a number column would show another number: a rounded one, or 0 for -0.0."""
    if isinstance(value, int):
        return abs(value) > EXACT_IN_BROWSER
    return value == 0 and math.copysign(1, value) < 0


def chart_indices(
    inputs: Sequence[float], outputs: Sequence[float], points: int = CHART_POINTS
) -> list[int]:
    """Return which numbers a chart draws: all, or about `points` that keep its outline.

    Of a long list, each of equal parts gives the places of its smallest and largest input and
    output, so that no peak gets lost.
    """
    count = len(inputs)
    if count <= points:
        return list(range(count))
    parts = points // 4
    kept: set[int] = set()
    for part in range(parts):
        span = range(part * count // parts, (part + 1) * count // parts)
        for series in (inputs, outputs):
            kept.add(min(span, key=series.__getitem__))
            kept.add(max(span, key=series.__getitem__))
    return sorted(kept)


def chart(
    inputs: Sequence[float], outputs: Sequence[float], drawn: Sequence[int]
) -> dict[str, object]:
    """Return a Vega-Lite chart of inputs and outputs over their position, counted from 1.

    Args:
        inputs: all inputs; float64 is exact enough for a chart.
        outputs: one for each input.
        drawn: the indices that become points, as of `chart_indices`.
    """
    rows = [
        {"position": i + 1, "series": name, "value": float(values[i])}
        for name, values in (("Input", inputs), ("Output", outputs))
        for i in drawn
    ]
    return {
        "data": {"values": rows},
        "mark": {"type": "line", "point": len(drawn) <= CHART_DOTS},
        "encoding": {
            "x": {
                "field": "position",
                "type": "quantitative",
                "title": "No.",
                "axis": {"tickMinStep": 1, "format": ",d"},
                "scale": {"zero": False, "nice": False},
            },
            "y": {
                "field": "value",
                "type": "quantitative",
                "title": None,
                "axis": {"format": "~s"},
            },
            "color": {
                "field": "series",
                "title": None,
                "scale": {"domain": ["Input", "Output"], "range": COLORS},
                "legend": {"orient": "top"},
            },
        },
    }


def plain(text: str) -> str:
    """Return `text` so that Markdown shows it letter by letter, without pictures or maths."""
    return _MARKDOWN.sub(r"\\\g<0>", text)


def duration(seconds: float) -> str:
    """Return a time as a person reads it."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
