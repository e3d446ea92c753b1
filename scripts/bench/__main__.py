"""Measure this server against others on this machine.

python -m scripts.bench [OPTIONS]; --help lists them
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from scripts.bench import generator, goals, lineup, plot, report
from scripts.bench.lineup import Contender
from scripts.bench.measure import Run
from scripts.bench.results import Results
from scripts.bench.workloads import LISTS, NETWORKS, Workload
from server.store.paths import ROOT

PAGE, PLOT = ROOT / "docs" / "performance.md", ROOT / "docs" / "benchmark.svg"


def main(  # noqa: PLR0913, PLR0917 (the command line's options)
    rounds: Annotated[int, typer.Option(min=1, help="rounds; each server has a turn in each")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="duration of each load in seconds")] = 3,
    only: Annotated[
        list[str] | None, typer.Option(help="only contenders of this name or with this in it")
    ] = None,
    commit: Annotated[
        list[str] | None, typer.Option(help="also measure this server at an earlier commit")
    ] = None,
    networks: Annotated[bool, typer.Option(help="measure tensors for two networks")] = False,
    write: Annotated[bool, typer.Option(help="also write tables and plot to docs/")] = False,
    again: Annotated[bool, typer.Option(help="only report the last run")] = False,
    folder: Annotated[Path, typer.Option(help="folder for the results")] = ROOT / "build",
) -> None:
    """Measure this server against others on this machine."""
    parts = []
    for workload in NETWORKS if networks else [LISTS]:
        file = folder / f"bench-{workload.model}.json"
        if again:
            results = Results.load(file)
        else:
            chosen = _chosen(workload, only or [], commit or [])
            results = _measure(workload, chosen, rounds, seconds, folder / "bench" / "logs")
            results.save(file)
        parts.append(report.report(workload, results, [*goals.goals(workload, results)]))
    text, command = "\n".join(parts), report.LISTS_COMMAND
    if networks:
        command = report.NETWORKS_COMMAND
    else:
        plot.draw(results, folder / "benchmark.svg")
    print(f"\n{text}")
    if write:
        if not networks:
            PLOT.write_bytes((folder / "benchmark.svg").read_bytes())
            text = f"![Requests per second]({PLOT.name})\n\n{text}"
        report.write_between_markers(PAGE, text, command)


def _measure(
    workload: Workload, contenders: Sequence[Contender], rounds: int, seconds: float, logs: Path
) -> Results:
    workload.build()
    try:
        print(f"load generators: {generator.versions()}", flush=True)
    except FileNotFoundError as error:
        sys.exit(f"bench: {error}")
    return Run(rounds, seconds, logs, lambda line: print(line, flush=True)).measure(contenders)


def _chosen(workload: Workload, only: list[str], commits: list[str]) -> list[Contender]:
    """Return the contenders that `only` names: exactly, or else by a part of their names."""
    contenders = lineup.contenders(workload)
    names = [name.strip().lower() for part in only for name in part.split(",")]
    exact = {contender.name.lower() for contender in contenders}

    def named(contender: Contender) -> bool:
        own = contender.name.lower()
        return any(name == own or (name not in exact and name and name in own) for name in names)

    chosen = [contender for contender in contenders if not any(names) or named(contender)]
    if not chosen:
        known = "; ".join(contender.name for contender in contenders)
        raise typer.BadParameter(f"no contender has {only} in its name, which are {known}")
    try:
        return [*chosen, *(lineup.at(workload, commit) for commit in commits)]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


if __name__ == "__main__":
    typer.run(main)
