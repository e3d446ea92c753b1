"""The plot for the README: requests per second of every contender."""

from __future__ import annotations

from pathlib import Path

from scripts.bench.lineup import SELF
from scripts.bench.results import Results, figure
from scripts.bench.workloads import CROWD, MANY

COLOURS = {MANY: "#9db4c8", CROWD: "#44647f"}
OWN_COLOURS = {MANY: "#f4a27e", CROWD: "#d9541e"}


def draw(results: Results, path: Path) -> None:
    """Write an SVG with two bars for each contender, fastest on top."""
    # Imported here because it is slow and only needed for drawing.
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    # A fixed salt makes the SVG reproducible; fonttype none keeps text as text.
    mpl.rcParams.update({"svg.hashsalt": "benchmark", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot as plt  # noqa: PLC0415

    names = results.names
    rates = {
        load: {n: s.median for n in names if (s := results.spread(n, figure(load)))}
        for load in (MANY, CROWD)
    }
    order = sorted(names, key=lambda name: rates[CROWD].get(name, 0.0))
    drawing, axes = plt.subplots(figsize=(8, 0.55 * len(order) + 1), layout="constrained")
    height = 0.38
    for load, shift in ((MANY, height / 2), (CROWD, -height / 2)):
        bars = axes.barh(
            [at + shift for at in range(len(order))],
            [rates[load].get(name, 0.0) for name in order],
            height,
            label=load.title,
            color=[(OWN_COLOURS if name == SELF else COLOURS)[load] for name in order],
        )
        axes.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=8)
    axes.set_yticks(range(len(order)), order)
    axes.set_xlabel("requests per second")
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, metadata={"Date": None})
    plt.close(drawing)
