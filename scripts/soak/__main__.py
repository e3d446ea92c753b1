"""Load a server steadily; fail if its memory, descriptors, threads or p99 grow.

python -m scripts.soak [--minutes 10] [--rate 200] [--plot FILE]
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table

from scripts.bench.launch import ServerProcess
from scripts.soak import plot, usage
from scripts.soak.load import Clients
from scripts.soak.trend import Limit, trend_of
from server.store import paths

CLIENTS = 8
SAMPLES = 120
# Long enough that each p99 covers hundreds of requests.
SAMPLE_SECONDS = 2.0
BUILD = paths.ROOT / "build"
# The title of each figure, and how much it may grow by chance. Memory varies because Java collects
# garbage in steps and malloc keeps freed memory, descriptors and threads because connections come
# and go and Netty fills its pools lazily, and p99 because the machine runs other programs.
FIGURES = {
    "java": ("Java's memory, MiB", Limit(0.08, 24)),
    "workers": ("workers' memory, MiB", Limit(0.03, 12)),
    "descriptors": ("file descriptors", Limit(0.02, 6)),
    "threads": ("threads", Limit(0.02, 4)),
    "p99": ("p99, ms", Limit(0.5, 20)),
}


def soak(
    minutes: float, rate: float, log: Path
) -> tuple[list[float], dict[str, list[float]], Clients]:
    """Run the load; return the sample times in seconds, each figure's samples and the clients."""
    every = max(SAMPLE_SECONDS, minutes * 60 / SAMPLES)
    times: list[float] = []
    figures: dict[str, list[float]] = {name: [] for name in FIGURES}
    log.unlink(missing_ok=True)
    with ServerProcess(log) as server:
        assert server.process  # noqa: S101 (started by the context manager)
        processes = psutil.Process(server.process.pid)
        with Clients("127.0.0.1", server.settings.port("PORT"), CLIENTS, rate) as load:
            began = time.monotonic()
            while (now := time.monotonic() - began) < minutes * 60:
                time.sleep(every - now % every)
                sample = {**usage.measure(processes), "p99": load.p99()}
                times.append(time.monotonic() - began)
                for name, value in sample.items():
                    figures[name].append(value)
    return times, figures, load


def main(
    minutes: Annotated[float, typer.Option(min=0.1, help="duration in minutes")] = 10,
    rate: Annotated[float, typer.Option(min=1, help="requests per second of all clients")] = 200,
    plot_file: Annotated[Path, typer.Option("--plot", help="file for the plot, an SVG")] = BUILD
    / "soak.svg",
) -> None:
    """Load a server steadily; fail if its memory, descriptors, threads or p99 grow."""
    BUILD.mkdir(exist_ok=True)
    times, figures, load = soak(minutes, rate, BUILD / "soak.log")
    trends = {name: trend_of(times, figures[name], FIGURES[name][1]) for name in FIGURES}
    console = Console()
    table = Table("", "level", "growth", "allowed", "", title=f"{minutes:g} minutes")
    for name, found in trends.items():
        numbers = (f"{found.level:,.1f}", f"{found.growth:+,.1f}", f"{found.allowed:,.1f}")
        table.add_row(FIGURES[name][0], *numbers, "GROWS" if found.grows else "flat")
    console.print(table)
    console.print(f"{load.requests} requests, {len(load.faults)} failed or wrong")
    titles = {name: FIGURES[name][0] for name in FIGURES}
    plot.draw(
        plot_file,
        times,
        {titles[name]: figures[name] for name in FIGURES},
        {titles[name]: trends[name] for name in FIGURES},
    )
    console.print(f"{plot_file}", soft_wrap=True)
    for fault in load.faults[:10]:
        console.print(fault, markup=False)
    if load.faults or any(found.grows for found in trends.values()):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
