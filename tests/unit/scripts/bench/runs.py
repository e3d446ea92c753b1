"""Benchmark results with given figures."""

from __future__ import annotations

from scripts.bench.lineup import SELF
from scripts.bench.results import Results, Sample, Turn
from scripts.bench.workloads import LISTS


def turn(per_second: float, *, start: float = 2.0, rest: float = 200.0, p50: float = 1.0) -> Turn:
    sample = Sample(per_second, 0.0, p50, 4 * p50, 0.25, rest + 50)
    loads = [load for load in LISTS.loads if load.format == "JSON"]
    return Turn(start, rest, {load.key: sample for load in loads})


def run(*rounds: dict[str, Turn]) -> Results:
    return Results({"machine": "two cores"}, list(rounds), {"Another": "it has no wheel"})


def steady(own_per_second: float = 20000.0, fastapi: float = 1000.0) -> Results:
    """Return three identical rounds of this server and FastAPI."""
    each = {SELF: turn(own_per_second), "FastAPI": turn(fastapi)}
    return run(each, each, each)
