"""The results as Markdown tables, which are also readable in a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from tabulate import tabulate

from scripts.bench.goals import Goal
from scripts.bench.lineup import BASELINE
from scripts.bench.results import Figure, Results, Turn, figure
from scripts.bench.workloads import MANY, Load, Workload

# The command that writes the text between two markers of a page.
LISTS_COMMAND, NETWORKS_COMMAND = "make bench WRITE=1", "make bench NETWORKS=1 WRITE=1"


def report(workload: Workload, results: Results, goals: Sequence[Goal]) -> str:
    """Return the whole report for one workload.

    Ratios are to FastAPI under the load of each column or, if it lacks the format, to FastAPI's
    JSON over as many connections.
    """
    # The fastest server comes first.
    loads = workload.loads
    order = MANY if MANY in loads else loads[0]
    names = sorted(results.names, key=lambda name: -results.median(name, figure(order)))
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
        goals_table(goals),
        *(f"Not measured: {name}: {why}." for name, why in results.missing.items()),
    ]
    return "\n\n".join(parts) + "\n"


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
    spreads = [results.spread(name, figure(load, each)) for each in ("p50_ms", "p99_ms")]
    return " / ".join(short(spread.median) if spread else "-" for spread in spreads)


def _loads_tables(
    names: Sequence[str], loads: Sequence[Load], cell: Callable[[str, Load], str]
) -> str:
    """Return a table for each group of formats, of the servers that have one of them."""
    over_grpc = [load for load in loads if load.format == "gRPC"]
    tables = []
    for group in (over_grpc, [load for load in loads if load not in over_grpc]):
        rows = [[name, *(cell(name, load) for load in group)] for name in names]
        shown = [row for row in rows if {*row[1:]} - {"-", "- / -"}]
        tables.append(table(["server", *(load.key for load in group)], shown))
    return "\n\n".join(reversed(tables))


def _costs(results: Results, names: Sequence[str], load: Load) -> str:
    def peak(turn: Turn) -> float:
        return max(sample.memory_mb for sample in turn.samples.values())

    figures: list[Figure] = [
        figure(load, "cpu_ms"),
        lambda turn: turn.rest_mb,
        peak,
        lambda turn: turn.start_seconds,
    ]
    rows = [[name, *(short(results.median(name, of)) for of in figures)] for name in names]
    return table(["server", "processor s", "at rest", "peak", "start s"], rows)


def goals_table(goals: Sequence[Goal]) -> str:
    """Return a table of the goals and whether they are reached."""
    rows = []
    for goal in goals:
        bound = f"at most {goal.wanted:g}" if goal.at_most else f"at least {goal.wanted:g}"
        result = goal.result
        text = f"{result.median:.2f} ({result.low:.2f} to {result.high:.2f})" if result else "-"
        verdict = {True: "reached", False: "not reached", None: "not measured"}[goal.reached]
        rows.append([goal.what + (f" ({goal.note})" if goal.note else ""), bound, text, verdict])
    return table(["", "goal", "median (lowest to highest round)", ""], rows)


def short(value: float) -> str:
    """Return `value` with three significant digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table with the first column left-aligned and the others right-aligned."""
    align = ["left", *["right"] * (len(head) - 1)]
    return tabulate(rows, head, tablefmt="pipe", colalign=align, disable_numparse=True)
