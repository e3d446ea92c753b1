"""Measure this server against others on this machine.

python -m scripts.bench [OPTIONS]; --help lists them
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from scripts.bench import generator, history, lineup, plot, report
from scripts.bench.lineup import Contender
from scripts.bench.results import Results
from scripts.bench.rounds import Run
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
    write: Annotated[bool, typer.Option(help="also write table and plot to docs/")] = False,
    again: Annotated[bool, typer.Option(help="only report the last run")] = False,
    folder: Annotated[Path, typer.Option(help="folder for bench.json")] = ROOT / "build",
) -> None:
    """Measure this server against others on this machine."""
    if again:
        results = Results.load(folder / "bench.json")
    else:
        chosen = _chosen(only)
        chosen += [_earlier(each) for each in commit or []]
        results = _measure(rounds, seconds, chosen, folder)
    text = report.report(results)
    print(f"\n{text}")
    plot.draw(results, folder / "benchmark.svg")
    if write:
        report.write_between_markers(PAGE, f"![Requests per second]({PLOT.name})\n\n{text}")
        PLOT.write_bytes((folder / "benchmark.svg").read_bytes())


def _chosen(only: list[str] | None) -> list[Contender]:
    names = [name.strip().lower() for each in only or [] for name in each.split(",")]
    chosen = [each for each in lineup.ALL if not any(names) or _is_one_of(each, names)]
    if not chosen:
        known = "; ".join(contender.name for contender in lineup.ALL)
        raise typer.BadParameter(f"no contender has {only} in its name, which are {known}")
    return chosen


def _earlier(commit: str) -> Contender:
    try:
        return history.at(commit)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _is_one_of(contender: Contender, names: list[str]) -> bool:
    """Return whether one of `names` selects the contender.

    A name selects the contender with exactly this name, otherwise all whose names contain it.
    """
    wholes = {each.name.lower() for each in lineup.ALL}
    own = contender.name.lower()
    return any(name == own or (name not in wholes and name and name in own) for name in names)


def _measure(rounds: int, seconds: float, chosen: list[Contender], folder: Path) -> Results:
    build(lineup.MODEL)
    try:
        tool = generator.find()
    except FileNotFoundError as error:
        sys.exit(f"bench: {error}")
    print(f"load generator: {tool.name}", flush=True)
    logs = folder / "bench" / "logs"
    how = Run(tool, rounds, seconds, logs, lambda line: print(line, flush=True))
    results = how.measure(chosen)
    results.save(folder / "bench.json")
    return results


if __name__ == "__main__":
    typer.run(main)
