"""A plot of the soak's figures over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.soak.trend import WARM_UP_SHARE, Trend

COLOUR = "#44647f"


def draw(
    path: Path,
    times: Sequence[float],
    series: Mapping[str, Sequence[float]],
    trends: Mapping[str, Trend],
) -> None:
    """Write an SVG with one panel for each of `series`, titled by its name."""
    # Imported here because it is slow and only needed for drawing.
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    # A fixed salt makes the SVG reproducible; fonttype none keeps text as text.
    mpl.rcParams.update({"svg.hashsalt": "soak", "svg.fonttype": "none", "font.size": 8})
    from matplotlib import pyplot as plt  # noqa: PLC0415

    figure, panels = plt.subplots(
        len(series), figsize=(8, 1.35 * len(series)), sharex=True, layout="constrained"
    )
    minutes = [at / 60 for at in times]
    for panel, (name, values) in zip(panels, series.items(), strict=True):
        panel.plot(minutes, values, color=COLOUR, linewidth=1.2)
        panel.axvspan(0, WARM_UP_SHARE * minutes[-1], color="#888888", alpha=0.12, linewidth=0)
        panel.set_ylim(0, 1.35 * max(values))
        trend = trends[name]
        panel.set_title(f"{name}: {trend.level:,.0f}, {trend.growth:+,.1f}", loc="left", fontsize=8)
        panel.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlabel("minutes; the shaded third is warm-up")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
