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
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from scripts.bench import autoscaler, generator, lineup, machine, process
from scripts.bench.workloads import CROWD, MANY
from server.store.paths import ROOT

RUN = ROOT / "docs/scale.json"
PAGE = ROOT / "docs/scale.md"
BEGIN, END = "<!-- make cloud-scale WRITE=1: begin -->", "<!-- make cloud-scale WRITE=1: end -->"
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


def measure() -> dict[str, Any]:
    """Measure both servers at each instance size that this machine has enough cores for.

    Returns:
        The content of docs/scale.json.
    """
    wrk = generator.find()
    cores = sorted(os.sched_getaffinity(0))
    figures = [
        _figure(wrk, contender, cores[:cpus], cores[-1:])
        for cpus in (1, 2)
        if cpus <= len(cores)
        for contender in _contenders(cpus)
    ]
    about = machine.describe(wrk.name, ROUNDS, SECONDS)
    return {"about": about, "figures": [figure._asdict() for figure in figures]}


def tables(run: dict[str, Any]) -> str:
    """Return the page's tables for a run."""
    figures = [Figure(**figure) for figure in run["figures"]]
    about = ", ".join(f"{what} {value}" for what, value in run["about"].items())
    lines = [f"Measured with lists of 10 numbers: {about}.", ""]
    lines += _table(
        ("an instance", "CPUs", "requests/s", "p50 in ms", "start in s", "a full queue lasts"),
        (
            (
                it.server,
                it.cpus,
                ("≥ " if it.cpus > 1 else "") + _spaced(it.per_second),
                f"{it.p50_ms:.1f}",
                f"{it.start_seconds:.1f}",
                _queue(it),
            )
            for it in figures
        ),
    )
    head = "requests/s, an instance, instances, CPUs, $ per million, cold starts, longest wait"
    lines += ["", *_table([*head.split(", "), "caught up", "refused"], _rows(figures))]
    return "\n".join(lines) + "\n"


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


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    cells = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(str(cell) for cell in row)} |" for row in cells]


def _spaced(number: float) -> str:
    return f"{number:,.0f}".replace(",", " ")


def _contenders(cpus: int) -> list[lineup.Contender]:
    # FastAPI is fastest on Cloud Run with one process per CPU.
    baseline = lineup.BASELINE if cpus == 1 else f"FastAPI, {cpus} processes"
    wanted = (lineup.SELF, baseline)
    return [contender for contender in lineup.ALL if contender.name in wanted]


def _figure(
    wrk: generator.Generator, contender: lineup.Contender, cores: list[int], rest: list[int]
) -> Figure:
    name = lineup.SELF if contender.name == lineup.SELF else lineup.BASELINE
    typer.echo(f"scale: {name}, {len(cores)} CPU")
    process.build(contender)
    per_second, p50, starts = [], [], []
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        body, log = Path(folder) / "body", Path(folder) / "log"
        request = contender.requests()[CROWD.request]
        body.write_bytes(request.body or b"")
        for _ in range(ROUNDS):
            with _on(cores), process.running(contender, log) as running, _on(rest):
                url = running.base + request.path
                for connections in (MANY.connections, CONCURRENCY[name]):
                    load = wrk.start(url, body, connections, SECONDS, request.headers)
                    outcome = wrk.finish(load, 60)
                if outcome.errors:
                    raise process.Failed(f"{name}: {outcome.errors} requests failed")
                per_second.append(outcome.per_second)
                p50.append(outcome.p50_ms)
                starts.append(running.start_seconds)
    middle = ROUNDS // 2
    return Figure(
        server=name,
        cpus=len(cores),
        per_second=round(sorted(per_second)[middle]),
        p50_ms=round(sorted(p50)[middle], 2),
        start_seconds=round(sorted(starts)[middle], 2),
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
    measured: Annotated[
        bool, typer.Option("--measure", help="measure first, and write docs/scale.json")
    ] = False,
    write: Annotated[bool, typer.Option(help="write the tables to docs/scale.md")] = False,
) -> None:
    """Estimate Cloud Run's behaviour at 10, 1 000 and 100 000 requests per second."""
    if measured:
        RUN.write_text(json.dumps(measure(), indent=2) + "\n")
    text = tables(json.loads(RUN.read_text()))
    typer.echo(text)
    if write:
        block = re.compile(f"{BEGIN}.*{END}", re.DOTALL)
        PAGE.write_text(block.sub(lambda _: f"{BEGIN}\n\n{text}\n{END}", PAGE.read_text()))


if __name__ == "__main__":
    typer.run(main)
