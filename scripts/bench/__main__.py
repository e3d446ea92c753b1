"""Measure this server against others on this machine.

python -m scripts.bench [OPTIONS]; --help lists them
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from scripts.bench import generator, goals, history, lineup, plot, report
from scripts.bench.lineup import Contender
from scripts.bench.measure import Run
from scripts.bench.networks import NETWORKS, TENSORS
from scripts.bench.results import Results
from scripts.bench.workloads import LISTS, PING, Load
from scripts.model.torchscript import build
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
    measure = Measurement(rounds, seconds, only or [], commit or [], again, folder)
    if networks:
        parts = []
        for network in NETWORKS:
            network.build()
            results = measure(network.name, lineup.serving(network), TENSORS)
            own = goals.network_goals(network, results)
            parts.append(report.report(results, TENSORS, own, f"{network.title}, float32,"))
        text, command = "\n".join(parts), report.NETWORKS_COMMAND
    else:
        results = measure("doubleit", lineup.ALL, (*LISTS, PING))
        text = report.report(results, (*LISTS, PING), goals.goals(results), "lists of numbers")
        command = report.LISTS_COMMAND
        plot.draw(results, folder / "benchmark.svg")
    print(f"\n{text}")
    if write:
        if not networks:
            PLOT.write_bytes((folder / "benchmark.svg").read_bytes())
            text = f"![Requests per second]({PLOT.name})\n\n{text}"
        report.write_between_markers(PAGE, text, command)


class Measurement(NamedTuple):
    """The options of a measurement."""

    rounds: int
    seconds: float
    only: list[str]
    commits: list[str]
    again: bool
    folder: Path

    def __call__(
        self, model: str, contenders: Sequence[Contender], loads: Sequence[Load]
    ) -> Results:
        """Measure the contenders for a model, or return the results of the last run."""
        file = self.folder / f"bench-{model}.json"
        if self.again:
            return Results.load(file)
        chosen = [*_chosen(contenders, self.only), *map(_earlier, self.commits)]
        build(lineup.MODEL)
        try:
            tool = generator.find()
        except FileNotFoundError as error:
            sys.exit(f"bench: {error}")
        print(f"load generator: {tool.name}", flush=True)
        logs = self.folder / "bench" / "logs"
        run = Run(tool, self.rounds, self.seconds, logs, lambda line: print(line, flush=True))
        results = run.measure(chosen, loads)
        results.save(file)
        return results


def _chosen(contenders: Sequence[Contender], only: list[str]) -> list[Contender]:
    """Return the contenders that `only` names: exactly, or else by a part of their names."""
    names = [name.strip().lower() for part in only for name in part.split(",")]
    exact = {contender.name.lower() for contender in contenders}

    def named(contender: Contender) -> bool:
        own = contender.name.lower()
        return any(name == own or (name not in exact and name and name in own) for name in names)

    chosen = [contender for contender in contenders if not any(names) or named(contender)]
    if not chosen:
        known = "; ".join(contender.name for contender in contenders)
        raise typer.BadParameter(f"no contender has {only} in its name, which are {known}")
    return chosen


def _earlier(commit: str) -> Contender:
    try:
        return history.at(commit)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


if __name__ == "__main__":
    typer.run(main)
