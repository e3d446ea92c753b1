"""Steady load: memory, descriptors, threads and p99 of a server do not grow.

`make soak` runs it for MINUTES and prints the figures. The few seconds of `make test` are too short
to measure growth.
"""

import os
import random
import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import pytest
from tabulate import tabulate

from tests.support.load import Load, Request, make, many
from tests.support.server import Server

MINUTES = float(os.environ.get("SOAK_MINUTES", "0"))
CLIENTS, RATE = 8, 200.0
SAMPLES = 120
# Long enough that each p99 covers hundreds of requests.
SAMPLE_SECONDS = 2.0
# Share of a soak in which pools fill and runtimes warm up; growth in it does not count.
WARM_UP_SHARE = 1 / 3
MIB = 1 << 20


# How much each figure may grow: a share of its level, or an amount if that is more. Memory varies
# because Java collects garbage in steps and malloc keeps freed memory, descriptors and threads
# because connections come and go and Netty fills its pools lazily, and p99 because the machine runs
# other programs.
LIMITS = {
    "Java's memory, MiB": (0.08, 24),
    "workers' memory, MiB": (0.03, 12),
    "file descriptors": (0.02, 6),
    "threads": (0.02, 4),
    "p99, ms": (0.5, 20),
}


class Trend(NamedTuple):
    """The median of a figure, its growth after the warm-up, and the growth that is allowed."""

    level: float
    growth: float
    allowed: float


def trend(times: Sequence[float], values: Sequence[float], share: float, least: float) -> Trend:
    """Return the trend of a figure after the warm-up.

    The slope is the Theil-Sen estimator: the median of the slopes between all pairs of samples. It
    tolerates 29 % of outliers, so a garbage collection or a slow second hardly changes it.
    """
    at, figures = np.array(times), np.array(values)
    measured = at >= at[0] + WARM_UP_SHARE * (at[-1] - at[0])
    at, figures = at[measured], figures[measured]
    i, j = np.triu_indices(len(at), 1)
    slope = float(np.median((figures[j] - figures[i]) / (at[j] - at[i])))
    level = float(np.median(figures))
    return Trend(level, slope * (at[-1] - at[0]), max(share * level, least))


def measure(server: Server, load: Load) -> dict[str, float]:
    """Return the server's figures; p99 is of the requests since the last call."""
    load.durations, durations = [], load.durations
    processes = server.processes()
    memory = {process.pid: process.memory_info().rss / MIB for process in processes}
    java = memory[server.java_pid()]
    figures = (
        java,
        sum(memory.values()) - java,
        sum(process.num_fds() for process in processes),
        sum(process.num_threads() for process in processes),
        float(np.percentile(durations, 99)) * 1000,
    )
    return dict(zip(LIMITS, figures, strict=True))


def mixed(pick: random.Random, n: int) -> Request:
    """Return a request of any format, sometimes a long list."""
    return many(pick, n, 20_000) if pick.random() < 0.1 else make(pick, n)


@pytest.mark.timeout(MINUTES * 60 + 300)
def test_no_figure_grows_under_steady_load(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    seconds = MINUTES * 60 or 3 * SAMPLE_SECONDS
    interval = max(SAMPLE_SECONDS, seconds / SAMPLES)
    times: list[float] = []
    series: dict[str, list[float]] = {name: [] for name in LIMITS}
    with Load(server.ports["PORT"], CLIENTS, mixed, rate=RATE) as load:
        began = time.monotonic()
        while (now := time.monotonic() - began) < seconds:
            time.sleep(interval - now % interval)
            sample = measure(server, load)
            times.append(time.monotonic() - began)
            for name, value in sample.items():
                series[name].append(value)
    trends = {name: trend(times, series[name], *LIMITS[name]) for name in LIMITS}
    table = tabulate(
        [(name, *values) for name, values in trends.items()],
        ("make soak", "level", "growth", "allowed"),
        tablefmt="github",
        floatfmt=",.1f",
    )
    with capsys.disabled() if MINUTES else nullcontext():
        print(f"\n{table}\n{load.requests} requests")  # noqa: T201 (for docs/reliability.md)
    assert (load.failures, load.wrong) == ([], [])
    growing = [name for name, (_, growth, allowed) in trends.items() if growth > allowed]
    assert growing == [] or not MINUTES
