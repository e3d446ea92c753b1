"""The results as Markdown tables, which are also readable in a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tabulate import tabulate

from scripts.bench.goals import Goal, goals
from scripts.bench.lineup import BASELINE, SELF
from scripts.bench.loads import CROWD, LARGE, MANY, PING, PREDICTIONS, Load
from scripts.bench.medians import Figure, of, per_second, ratio
from scripts.bench.results import Results, Turn

BEGIN, END = "<!-- make bench WRITE=1: begin -->", "<!-- make bench WRITE=1: end -->"


def report(results: Results) -> str:
    """Return the whole report."""
    names = list(dict.fromkeys(name for each in results.rounds for name in each))
    # The fastest server comes first.
    names.sort(key=lambda name: -_median(results, name, per_second(MANY)))
    parts = [
        *("; ".join(f"{title}: {text}" for title, text in results.machine.items()), ""),
        "Requests per second for lists of N numbers over C connections (N x C), and how many times "
        f"FastAPI's that is. Medians of {len(results.rounds)} rounds; ratios are taken within one.",
        *("", _throughput(results, names), "", "Milliseconds for a request, p50 / p99.", ""),
        _latency(results, names),
        "",
        f"What it costs: processor seconds for 1 000 requests ({MANY.title}), memory in megabytes "
        "(PSS of all processes: shared pages are not counted twice), seconds from the start to "
        "the first answer.",
        *("", _costs(results, names), "", "The goals, as medians of the rounds' ratios.", ""),
        goals_table(goals(results)),
    ]
    if (ping := of(results, SELF, per_second(PING))) is not None:
        parts += ["", f"GET /ping of {SELF}, {PING.connections} connections: {ping.median:.0f}/s."]
    parts += [f"\nNot measured: {name}: {why}." for name, why in results.missing.items()]
    return "\n".join(parts) + "\n"


def write_between_markers(page: Path, text: str, begin: str = BEGIN, end: str = END) -> None:
    """Replace the text between the markers in `page`.

    Raises:
        ValueError: the page does not have both markers.
    """
    found = page.read_text()
    pattern = re.compile(f"({re.escape(begin)}\n).*?({re.escape(end)})", re.DOTALL)
    if not pattern.search(found):
        raise ValueError(f"{page} has no lines {begin} and {end}")
    page.write_text(pattern.sub(lambda match: f"{match[1]}\n{text}\n{match[2]}", found))


def _throughput(results: Results, names: Iterable[str]) -> str:
    def cell(name: str, load: Load) -> str:
        got = of(results, name, per_second(load))
        if got is None:
            return "-"
        times = ratio(results, name, per_second(load), BASELINE)
        text = f"{got.median:.0f}" + (f" ({times.median:.1f}x)" if times else "")
        errors = of(results, name, lambda turn: turn.samples[load.key].errors)
        # Two significant digits, so that a few errors in 100 000 requests do not show as 0.
        share = 100 * errors.median if errors else 0
        return text + (f", {share:.2g} % errors" if share else "")

    rows = [[name, *(cell(name, load) for load in PREDICTIONS)] for name in names]
    return table(["server", *(load.column for load in PREDICTIONS)], rows)


def _latency(results: Results, names: Iterable[str]) -> str:
    def cell(name: str, load: Load) -> str:
        p50 = of(results, name, lambda turn: turn.samples[load.key].p50_ms)
        p99 = of(results, name, lambda turn: turn.samples[load.key].p99_ms)
        return f"{short(p50.median)} / {short(p99.median)}" if p50 and p99 else "-"

    rows = [[name, *(cell(name, load) for load in PREDICTIONS)] for name in names]
    return table(["server", *(load.column for load in PREDICTIONS)], rows)


def _costs(results: Results, names: Iterable[str]) -> str:
    def peak(turn: Turn) -> float:
        return max(sample.memory_mb for sample in turn.samples.values())

    figures: list[Figure] = [
        lambda turn: turn.samples[MANY.key].cpu_ms,
        lambda turn: turn.rest_mb,
        lambda turn: turn.samples[CROWD.key].memory_mb,
        lambda turn: turn.samples[LARGE.key].memory_mb,
        peak,
        lambda turn: turn.start_seconds,
    ]
    head = ["server", "processor s", "at rest", CROWD.column, LARGE.column, "peak", "start s"]
    rows = [[name, *(short(_median(results, name, f)) for f in figures)] for name in names]
    return table(head, rows)


def goals_table(found: Sequence[Goal]) -> str:
    """Return a table of the goals and whether they are reached."""
    rows = []
    for goal in found:
        bound = f"at most {goal.wanted:g}" if goal.at_most else f"at least {goal.wanted:g}"
        got = goal.got
        text = f"{got.median:.2f} ({got.low:.2f} to {got.high:.2f})" if got else "-"
        verdict = {True: "reached", False: "not reached", None: "not measured"}[goal.reached]
        rows.append([goal.what + (f" ({goal.note})" if goal.note else ""), bound, text, verdict])
    return table(["", "goal", "median (lowest to highest round)", ""], rows)


def _median(results: Results, name: str, figure: Figure) -> float:
    spread = of(results, name, figure)
    return spread.median if spread else 0.0


def short(value: float) -> str:
    """Return `value` with three significant digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"  # noqa: PLR2004


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with the first column left-aligned and the others right-aligned."""
    align = ["left", *["right"] * (len(head) - 1)]
    return tabulate(rows, head, tablefmt="pipe", colalign=align, disable_numparse=True)
