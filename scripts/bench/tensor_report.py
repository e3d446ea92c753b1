"""The results with networks as tables, and the goals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scripts.bench.goals import Goal
from scripts.bench.lineup import BASELINE, SELF
from scripts.bench.medians import Figure, of, ratio
from scripts.bench.networks import Network
from scripts.bench.report import goals_table, short, table, write_between_markers
from scripts.bench.results import Results

BEGIN = "<!-- make bench NETWORKS=1 WRITE=1: begin -->"
END = "<!-- make bench NETWORKS=1 WRITE=1: end -->"
CONNECTIONS = 8
FORMATS = ("JSON", "binary")
# Goal: requests per second with binary tensors, as a multiple of the fastest server's with JSON.
BINARY_TIMES = 4


def report(found: Mapping[Network, Results]) -> str:
    """Return the whole report."""
    first = next(iter(found.values()))
    parts = [
        "; ".join(f"{title}: {text}" for title, text in first.machine.items()),
        "",
        f"Requests per second over {CONNECTIONS} connections, and how many times {BASELINE}'s in "
        "JSON that is; milliseconds for a request, p50 / p99; processor seconds for 1 000 "
        f"requests. Medians of {len(first.rounds)} rounds; ratios are taken within one.",
    ]
    for network, results in found.items():
        names = sorted(
            {name for each in results.rounds for name in each},
            key=lambda name: -_median(results, name, "JSON"),
        )
        parts += ["", f"{network.title}, float32:".capitalize(), "", _figures(results, names)]
        parts += [f"\nNot measured: {name}: {why}." for name, why in results.missing.items()]
    every = [goal for network, results in found.items() for goal in goals(network, results)]
    return "\n".join([*parts, "", "The goals.", "", goals_table(every)]) + "\n"


def goals(network: Network, results: Results) -> list[Goal]:
    """Return this server's goals for one network."""
    others = {name for each in results.rounds for name in each if name != SELF}

    def against(others: set[str], format_name: str, other_format: str, wanted: float) -> Goal:
        found = {
            name: spread
            for name in others
            if (
                spread := ratio(
                    results, SELF, per_second(format_name), name, per_second(other_format)
                )
            )
        }
        # The best other server gives the smallest ratio.
        name = min(found, key=lambda each: found[each].median, default="")
        what = f"{network.name}: requests/s, {format_name} against the best {other_format}"
        return Goal(what, wanted, False, found.get(name), name)

    return [
        *(against(others, format_name, format_name, 1) for format_name in FORMATS),
        against({*others, SELF}, "binary", "JSON", BINARY_TIMES),
    ]


def write(page: Path, text: str) -> None:
    """Write the report between its markers in `page`."""
    write_between_markers(page, text, BEGIN, END)


def per_second(format_name: str) -> Figure:
    """Return a function that returns the requests per second in a format."""
    return lambda turn: (
        turn.samples[format_name].per_second if format_name in turn.samples else None
    )


def _figures(results: Results, names: list[str]) -> str:
    def cells(name: str, format_name: str) -> list[str]:
        got = of(results, name, per_second(format_name))
        if got is None:
            return ["-", "-", "-"]

        def median(figure: Figure) -> float:
            spread = of(results, name, figure)
            return spread.median if spread else 0.0

        times = ratio(results, name, per_second(format_name), BASELINE, per_second("JSON"))
        errors = median(lambda turn: turn.samples[format_name].errors)
        return [
            f"{got.median:.0f}"
            + (f" ({times.median:.1f}x)" if times else "")
            + (f", {100 * errors:.2g} % errors" if errors else ""),
            f"{short(median(lambda turn: turn.samples[format_name].p50_ms))} / "
            f"{short(median(lambda turn: turn.samples[format_name].p99_ms))}",
            short(median(lambda turn: turn.samples[format_name].cpu_ms)),
        ]

    head = [
        f"{format_name}{what}"
        for format_name in FORMATS
        for what in (" requests/s", " ms", " processor s")
    ]
    rows = [
        [name, *(cell for format_name in FORMATS for cell in cells(name, format_name))]
        for name in names
    ]
    return table(["server", *head], rows)


def _median(results: Results, name: str, format_name: str) -> float:
    spread = of(results, name, per_second(format_name))
    return spread.median if spread else 0.0
