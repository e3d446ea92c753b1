"""Measure this server against others on this machine: python -m scripts.bench --help."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.bench import lineup, report
from scripts.bench.lineup import Contender
from scripts.bench.measure import measure
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
        if not again:
            chosen = _chosen(workload, only or [], commit or [])
            workload.build()
            measure(chosen, rounds, seconds, folder / "bench" / "logs", file)
        results = Results.load(file)
        parts.append(report.report(workload, results))
    text, command = "\n".join(parts), report.NETWORKS_COMMAND
    print(f"\n{text}")
    if not networks:
        report.draw(results, PLOT if write else folder / PLOT.name)
        text, command = f"![Requests per second]({PLOT.name})\n\n{text}", report.LISTS_COMMAND
    if write:
        report.write_between_markers(PAGE, text, command)


def _chosen(workload: Workload, only: list[str], commits: list[str]) -> list[Contender]:
    """Return the contenders that `only` names: exactly, or else by a part of their names."""
    known = {contender.name.lower(): contender for contender in lineup.contenders(workload)}
    names = [name.strip().lower() for part in only for name in part.split(",") if name.strip()]
    chosen = [
        contender
        for own, contender in known.items()
        if not names or any(name == own or (name not in known and name in own) for name in names)
    ]
    if not chosen:
        listed = "; ".join(contender.name for contender in known.values())
        raise typer.BadParameter(f"no contender has {only} in its name, which are {listed}")
    try:
        return [*chosen, *(lineup.at(workload, commit) for commit in commits)]
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


if __name__ == "__main__":
    typer.run(main)
