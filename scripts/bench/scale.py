"""Estimate instances, cost and cold starts on Cloud Run, for this server and for FastAPI.

An instance with one CPU is measured on one core, with the load generator on another. An instance
with two CPUs is measured on two cores. If the machine has no more, the load generator shares them,
and the figure is a lower bound.
"""

import json
import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from scripts.bench import lineup, measure, report
from scripts.bench.autoscaler import Instance, dollars_per_million, settled_instances, simulate
from scripts.bench.results import Figure, figure
from scripts.bench.workloads import CROWD, LISTS
from server.store.paths import ROOT

RUN, PAGE = ROOT / "docs/scale.json", ROOT / "docs/scale.md"
COMMAND = "make cloud-scale WRITE=1"
RATES = (10, 1_000, 100_000)
# Length of TorchServe's queue (job_queue_size in config.properties).
QUEUE = 1_000
ROUNDS, SECONDS = 3, 5.0
# Concurrent requests per instance: for this server as in iac/environment, for FastAPI Cloud Run's
# default.
CONCURRENCY = {lineup.SELF: 256, lineup.BASELINE: 80}


def measured() -> dict[str, Any]:
    """Return the content of docs/scale.json: both servers at each size that has enough cores."""
    LISTS.build()
    cores = sorted(os.sched_getaffinity(0))
    figures = [
        _instance(server, cores[:cpus], cores[-1:])._asdict()
        for cpus in (1, 2)
        if cpus <= len(cores)
        for server in CONCURRENCY
    ]
    return {"about": measure.describe(ROUNDS, SECONDS), "figures": figures}


def tables(run: dict[str, Any]) -> str:
    """Return the page's tables for a run."""
    instances = [Instance(**figures) for figures in run["figures"]]
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
        for it in instances
    ]
    head = "an instance, CPUs, requests/s, p50 in ms, start in s, a full queue lasts"
    loads = "requests/s, an instance, instances, CPUs, $ per million, cold starts, longest wait"
    rows = [_row(it, rate) for rate in RATES for it in instances]
    return "\n\n".join(
        [
            f"Measured with lists of 10 numbers: {about}.",
            report.table(head.split(", "), sizes),
            report.table([*loads.split(", "), "caught up", "refused"], rows),
        ]
    )


def _row(it: Instance, rate: float) -> Sequence[object]:
    outcome, count = simulate(it, rate), settled_instances(it, rate)
    caught_up = outcome.caught_up_seconds
    return (
        _spaced(rate),
        f"{it.server}, {it.cpus} CPU",
        count,
        count * it.cpus,
        f"{dollars_per_million(it, rate):.2f}",
        outcome.cold_starts,
        f"{outcome.longest_wait_seconds:.1f} s",
        "never" if math.isinf(caught_up) else f"after {caught_up:.0f} s",
        f"{outcome.refused:.1%}",
    )


def _queue(it: Instance) -> str:
    if it.server != lineup.SELF:
        return "-"
    return " / ".join(
        f"{_spaced(held)}: {held / it.per_second * 1e3:.0f} ms" for held in (it.concurrency, QUEUE)
    )


def _spaced(number: float) -> str:
    return f"{number:,.0f}".replace(",", " ")


def _instance(server: str, cores: list[int], rest: list[int]) -> Instance:
    """Measure a server on `cores`, with the load generator on `rest`."""
    # FastAPI is fastest on Cloud Run with one process per CPU.
    several = server == lineup.BASELINE and len(cores) > 1
    contender = lineup.named(f"{server}, {len(cores)} processes" if several else server)
    load = CROWD._replace(connections=CONCURRENCY[server])
    pinned = replace(
        contender,
        command=["taskset", "--cpu-list", ",".join(map(str, cores)), *contender.command],
        workload=LISTS._replace(loads=[load]),
    )
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, rest)
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        run = measure.measure([pinned], ROUNDS, SECONDS, Path(folder), Path(folder, "results.json"))
    os.sched_setaffinity(0, before)
    if contender.name not in run.names or run.median(contender.name, figure(load, "errors")):
        raise lineup.Failed(f"{server} failed, on {len(cores)} CPU")

    def median(of: Figure, digits: int | None = 2) -> float:
        return round(run.median(contender.name, of), digits)

    return Instance(
        server=server,
        cpus=len(cores),
        per_second=median(figure(load), None),
        p50_ms=median(figure(load, "p50_ms")),
        start_seconds=median(lambda turn: turn.start_seconds),
        concurrency=CONCURRENCY[server],
    )


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
