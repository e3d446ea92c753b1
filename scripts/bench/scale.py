"""Estimate instances, cost and cold starts on Cloud Run, for this server and for FastAPI.

    python -m scripts.bench.scale              print the tables, from docs/scale.json
    python -m scripts.bench.scale --write      put them into docs/scale.md too
    python -m scripts.bench.scale --measure    measure an instance of each size first

An instance with one CPU is measured on one core, with the load generator on another. An instance
with two CPUs is measured on two cores. If the machine has no more, the load generator shares them,
and the figure is a lower bound.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Annotated, Any, NamedTuple

import typer

from scripts.bench import autoscaler, generator, lineup, measure, process, report
from scripts.bench.workloads import CROWD, LISTS, MANY
from server.store.paths import ROOT

RUN = ROOT / "docs/scale.json"
PAGE = ROOT / "docs/scale.md"
COMMAND = "make cloud-scale WRITE=1"
RATES = (10, 1_000, 100_000)
# Length of TorchServe's queue (job_queue_size in config.properties).
QUEUE = 1_000
ROUNDS, SECONDS = 3, 5.0
SIMULATED_SECONDS = 180.0
# Concurrent requests per instance: for this server as in iac/environment, for FastAPI Cloud Run's
# default.
CONCURRENCY = {lineup.SELF: 256, lineup.BASELINE: 80}
GIB_PER_CPU = 1.0


class Figure(NamedTuple):
    """The measured figures of a server on one size of instance.

    Attributes:
        server: name of the server.
        cpus: CPUs of the instance.
        per_second: requests per second, median of the rounds.
        p50_ms: median response time in milliseconds under this load.
        start_seconds: from the start of its process to its first response, median of the rounds.
    """

    server: str
    cpus: int
    per_second: float
    p50_ms: float
    start_seconds: float


def measured() -> dict[str, Any]:
    """Measure both servers at each instance size that this machine has enough cores for.

    Returns:
        The content of docs/scale.json.
    """
    LISTS.build()
    cores = sorted(os.sched_getaffinity(0))
    figures = [
        _figure(contender, cores[:cpus], cores[-1:])
        for cpus in (1, 2)
        if cpus <= len(cores)
        for contender in _contenders(cpus)
    ]
    about = measure.describe(ROUNDS, SECONDS)
    return {"about": about, "figures": [figure._asdict() for figure in figures]}


def tables(run: dict[str, Any]) -> str:
    """Return the page's tables for a run."""
    figures = [Figure(**figure) for figure in run["figures"]]
    about = ", ".join(f"{what} {value}" for what, value in run["about"].items())
    sizes = [
        (
            it.server,
            it.cpus,
            ("≥ " if it.cpus > 1 else "") + _spaced(it.per_second),
            f"{it.p50_ms:.1f}",
            f"{it.start_seconds:.1f}",
            _queue(it),
        )
        for it in figures
    ]
    head = "an instance, CPUs, requests/s, p50 in ms, start in s, a full queue lasts"
    loads = "requests/s, an instance, instances, CPUs, $ per million, cold starts, longest wait"
    return "\n\n".join(
        [
            f"Measured with lists of 10 numbers: {about}.",
            report.table(head.split(", "), sizes),
            report.table([*loads.split(", "), "caught up", "refused"], [*_rows(figures)]),
        ]
    )


def _rows(figures: list[Figure]) -> Iterator[Sequence[object]]:
    for rate in RATES:
        for it in figures:
            server = autoscaler.Server(
                name=it.server,
                cpus=it.cpus,
                gib=GIB_PER_CPU * it.cpus,
                per_second=it.per_second,
                start_seconds=it.start_seconds,
                concurrency=CONCURRENCY[it.server],
            )
            outcome = autoscaler.simulate(server, rate, SIMULATED_SECONDS)
            caught_up = outcome.caught_up_seconds
            instances = autoscaler.settled_instances(server, rate)
            yield (
                _spaced(rate),
                f"{it.server}, {it.cpus} CPU",
                instances,
                instances * it.cpus,
                f"{autoscaler.dollars_per_million(server, rate):.2f}",
                outcome.cold_starts,
                f"{outcome.longest_wait_seconds:.1f} s",
                "never" if math.isinf(caught_up) else f"after {caught_up:.0f} s",
                f"{outcome.refused / (rate * SIMULATED_SECONDS):.1%}",
            )


def _queue(figure: Figure) -> str:
    if figure.server != lineup.SELF:
        return "-"
    return " / ".join(
        f"{_spaced(held)}: {held / figure.per_second * 1e3:.0f} ms"
        for held in (CONCURRENCY[lineup.SELF], QUEUE)
    )


def _spaced(number: float) -> str:
    return f"{number:,.0f}".replace(",", " ")


def _contenders(cpus: int) -> list[lineup.Contender]:
    # FastAPI is fastest on Cloud Run with one process per CPU.
    baseline = lineup.BASELINE if cpus == 1 else f"FastAPI, {cpus} processes"
    return [lineup.named(name) for name in (lineup.SELF, baseline)]


def _figure(contender: lineup.Contender, cores: list[int], rest: list[int]) -> Figure:
    name = lineup.SELF if contender.name == lineup.SELF else lineup.BASELINE
    typer.echo(f"scale: {name}, {len(cores)} CPU")
    process.build(contender)
    request = contender.requests()[CROWD.request]
    outcomes, starts = [], []
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        for _ in range(ROUNDS):
            with _on(cores), process.running(contender, Path(folder) / "log") as target, _on(rest):
                starts.append(target.start_seconds)
                # The first load only warms up.
                for connections in (MANY.connections, CONCURRENCY[name]):
                    url = target.url(request)
                    with generator.running(url, request, connections, SECONDS) as load:
                        outcome = load.finish()
                if outcome.errors:
                    raise process.Failed(f"{name}: {outcome.errors} requests failed")
                outcomes.append(outcome)
    return Figure(
        server=name,
        cpus=len(cores),
        per_second=round(median(outcome.per_second for outcome in outcomes)),
        p50_ms=round(median(outcome.p50_ms for outcome in outcomes), 2),
        start_seconds=round(median(starts), 2),
    )


@contextmanager
def _on(cores: list[int]) -> Iterator[None]:
    """Run processes that are started inside the block on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def main(
    measure_first: Annotated[
        bool, typer.Option("--measure", help="measure first, and write docs/scale.json")
    ] = False,
    write: Annotated[bool, typer.Option(help="write the tables to docs/scale.md")] = False,
) -> None:
    """Estimate Cloud Run's behaviour at 10, 1 000 and 100 000 requests per second."""
    if measure_first:
        RUN.write_text(json.dumps(measured(), indent=2) + "\n")
    text = tables(json.loads(RUN.read_text()))
    typer.echo(text)
    if write:
        report.write_between_markers(PAGE, f"{text}\n", COMMAND)


if __name__ == "__main__":
    typer.run(main)
