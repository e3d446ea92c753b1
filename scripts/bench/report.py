"""The results as Markdown tables, which are also readable in a terminal, and as a plot."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tabulate import tabulate

from scripts.bench.goals import Goal, goals
from scripts.bench.lineup import BASELINE, SELF
from scripts.bench.results import Figure, Results, figure
from scripts.bench.workloads import CROWD, MANY, Load, Workload

# The command that writes the text between two markers of a page.
LISTS_COMMAND, NETWORKS_COMMAND = "make bench WRITE=1", "make bench NETWORKS=1 WRITE=1"
# The colours of the plot's bars, and this server's.
COLOURS = {MANY: "#9db4c8", CROWD: "#44647f"}
OWN_COLOURS = {MANY: "#f4a27e", CROWD: "#d9541e"}
BAR_HEIGHT = 0.38


def report(workload: Workload, results: Results) -> str:
    """Return the whole report for one workload, with the fastest server first.

    Ratios are to FastAPI under the load of each column or, if it lacks the format, to FastAPI's
    JSON over as many connections.
    """
    loads = workload.loads
    order = MANY if MANY in loads else loads[0]
    names = _fastest_first(results, order)
    parts = [
        "; ".join(f"{title}: {text}" for title, text in results.machine.items()),
        f"Requests per second for {workload.title} over N connections (x N), and how many times "
        f"{BASELINE}'s that is. Medians of {len(results.rounds)} rounds; ratios are taken within "
        "one.",
        _loads_tables(names, loads, lambda name, load: _throughput(results, name, load)),
        "Milliseconds for a request, p50 / p99.",
        _loads_tables(names, loads, lambda name, load: _latency(results, name, load)),
        f"What it costs: processor seconds for 1 000 requests ({order.title}), memory in "
        "megabytes (PSS of all processes: shared pages are not counted twice) at rest and at most, "
        "seconds from the start to the first answer.",
        _costs(results, names, order),
        "The goals, as medians of the rounds' ratios.",
        _goals(goals(workload, results)),
        *(f"Not measured: {name}: {why}." for name, why in results.missing.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _fastest_first(results: Results, load: Load) -> list[str]:
    """Return the contenders' names, sorted by their requests per second under a load."""
    return sorted(results.names, key=lambda name: -results.median(name, figure(load)))


def draw(results: Results, path: Path) -> None:
    """Write an SVG with two bars for each contender, the fastest on top."""
    # Imported here because it is slow and only needed for drawing.
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    # A fixed salt makes the SVG reproducible; fonttype none keeps text as text.
    mpl.rcParams.update({"svg.hashsalt": "benchmark", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot as plt  # noqa: PLC0415

    names = _fastest_first(results, CROWD)[::-1]
    drawing, axes = plt.subplots(figsize=(8, 0.55 * len(names) + 1), layout="constrained")
    for load, shift in ((MANY, BAR_HEIGHT / 2), (CROWD, -BAR_HEIGHT / 2)):
        bars = axes.barh(
            [at + shift for at in range(len(names))],
            [results.median(name, figure(load)) for name in names],
            BAR_HEIGHT,
            label=load.title,
            color=[(OWN_COLOURS if name == SELF else COLOURS)[load] for name in names],
        )
        axes.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=8)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("requests per second")
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="lower right", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, metadata={"Date": None})
    plt.close(drawing)


def write_between_markers(page: Path, text: str, command: str) -> None:
    """Replace the text between the markers of a command in `page`.

    Raises:
        ValueError: the page does not have both markers.
    """
    begin, end = markers(command)
    content = page.read_text()
    pattern = re.compile(f"({re.escape(begin)}\n).*?({re.escape(end)})", re.DOTALL)
    if not pattern.search(content):
        raise ValueError(f"{page} has no lines {begin} and {end}")
    page.write_text(pattern.sub(lambda match: f"{match[1]}\n{text}\n{match[2]}", content))


def markers(command: str) -> tuple[str, str]:
    """Return the lines of a page between which `command` writes."""
    return f"<!-- {command}: begin -->", f"<!-- {command}: end -->"


def _throughput(results: Results, name: str, load: Load) -> str:
    rate = results.spread(name, figure(load))
    if rate is None:
        return "-"
    has_load = results.spread(BASELINE, figure(load))
    base = load if has_load else load._replace(format="JSON")
    times = results.ratio(name, figure(load), BASELINE, figure(base))
    text = f"{rate.median:.0f}" + (f" ({times.median:.1f}x)" if times else "")
    # Two significant digits, so that a few errors in 100 000 requests do not show as 0.
    share = 100 * results.median(name, figure(load, "errors"))
    return text + (f", {share:.2g} % errors" if share else "")


def _latency(results: Results, name: str, load: Load) -> str:
    spreads = [results.spread(name, figure(load, key)) for key in ("p50_ms", "p99_ms")]
    return " / ".join(short(spread.median) if spread else "-" for spread in spreads)


def _loads_tables(
    names: Sequence[str], loads: Sequence[Load], cell: Callable[[str, Load], str]
) -> str:
    """Return a table for each group of formats, of the servers that have one of them."""
    tables = []
    for over_grpc in (False, True):
        group = [load for load in loads if (load.format == "gRPC") is over_grpc]
        rows = [[name, *(cell(name, load) for load in group)] for name in names]
        shown = [row for row in rows if {*row[1:]} - {"-", "- / -"}]
        tables.append(table(["server", *(load.key for load in group)], shown))
    return "\n\n".join(tables)


def _costs(results: Results, names: Sequence[str], load: Load) -> str:
    figures: list[Figure] = [
        figure(load, "cpu_ms"),
        lambda turn: turn.rest_mb,
        lambda turn: max(sample.memory_mb for sample in turn.samples.values()),
        lambda turn: turn.start_seconds,
    ]
    rows = [[name, *(short(results.median(name, of)) for of in figures)] for name in names]
    return table(["server", "processor s", "at rest", "peak", "start s"], rows)


def _goals(goals: Iterable[Goal]) -> str:
    rows = []
    for goal in goals:
        bound = f"at {'most' if goal.at_most else 'least'} {goal.bound:g}"
        result = goal.result
        text = f"{result.median:.2f} ({result.low:.2f} to {result.high:.2f})" if result else "-"
        verdict = {True: "reached", False: "not reached", None: "not measured"}[goal.reached]
        rows.append([goal.what, bound, text, verdict])
    return table(["", "goal", "median (lowest to highest round)", ""], rows)


def short(value: float) -> str:
    """Return `value` with three significant digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table with the first column left-aligned and the others right-aligned."""
    align = ["left", *["right"] * (len(head) - 1)]
    return tabulate(rows, head, tablefmt="pipe", colalign=align, disable_numparse=True)
