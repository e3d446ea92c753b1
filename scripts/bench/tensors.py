"""Compare how fast this server and others serve networks, with JSON and binary tensors.

python -m scripts.bench.tensors [OPTIONS]; --help lists them
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from scripts.bench import generator, machine, process, tensor_report
from scripts.bench.environments import NotInstallable
from scripts.bench.generator import Generator
from scripts.bench.measure import Request, measure_request, memory_mb
from scripts.bench.network_lineup import Entry, entries
from scripts.bench.networks import NETWORKS, Network
from scripts.bench.process import Failed, Running
from scripts.bench.results import Results, Sample, Turn
from scripts.bench.tensor_formats import TensorFormat, check
from server.store.paths import ROOT

PAGE = ROOT / "docs" / "performance.md"


class Run(NamedTuple):
    """How to measure.

    Attributes:
        generator: the load generator.
        rounds: the number of rounds.
        seconds: the duration of each load. A warm-up of the same duration with the first format
            comes before, because just-in-time compilers and TorchScript's first calls are slow.
        folder: a folder for bodies and logs.
    """

    generator: Generator
    rounds: int
    seconds: float
    folder: Path

    def measure(self, network: Network, only: Sequence[str]) -> Results:
        """Return every server's figures for one network."""
        network.build()
        self.folder.mkdir(parents=True, exist_ok=True)
        results = Results(machine.describe(self.generator.name, self.rounds, self.seconds))
        chosen = [e for e in entries(network) if _chosen(e.contender.name, only)]
        ready = [entry for entry in chosen if self._prepared(entry, results)]
        for number in range(self.rounds):
            turns: dict[str, Turn] = {}
            # Rotate, so that no server is always first.
            shift = number * len(ready) // self.rounds
            for entry in [*ready[shift:], *ready[:shift]]:
                name = entry.contender.name
                try:
                    turns[name] = self._turn(entry)
                except Failed as error:
                    print(f"{network.name}, round {number + 1}: {name}: {error}", flush=True)
                    continue
                rates = (f"{sent} {s.per_second:.0f}/s" for sent, s in turns[name].samples.items())
                print(f"{network.name}, round {number + 1}: {name}: {', '.join(rates)}", flush=True)
            results.rounds.append(turns)
        return results

    def _prepared(self, entry: Entry, results: Results) -> bool:
        """Install and build a contender; if that fails, add the reason to `results`."""
        try:
            process.build(entry.contender)
            entry.contender.names()
        except (NotInstallable, Failed) as error:
            results.missing[entry.contender.name] = str(error)
            print(f"{entry.contender.name} is left out: {error}", flush=True)
            return False
        return True

    def _turn(self, entry: Entry) -> Turn:
        with process.running(entry.contender, self._log(entry.contender.name)) as target:
            rest = memory_mb(target.processes())
            for tensor_format in entry.formats:
                if mistake := check(target.base, tensor_format):
                    raise Failed(mistake)
            self._sample(target, entry.formats[0])
            samples = {
                tensor_format.name: self._sample(target, tensor_format)
                for tensor_format in entry.formats
            }
            return Turn(target.start_seconds, rest, samples)

    def _sample(self, target: Running, tensor_format: TensorFormat) -> Sample:
        body = self.folder / f"{tensor_format.network.name}-{tensor_format.name}"
        body.write_bytes(tensor_format.content)
        request = Request(target.base + tensor_format.path, body, tensor_format.headers)
        return measure_request(
            self.generator, target, request, tensor_report.CONNECTIONS, self.seconds
        )

    def _log(self, name: str) -> Path:
        return self.folder / f"{re.sub(r'[^a-z0-9]+', '-', name.lower())}.log"


def _chosen(name: str, only: Sequence[str]) -> bool:
    return not only or any(part.strip().lower() in name.lower() for part in only)


def main(
    rounds: Annotated[int, typer.Option(min=1, help="rounds; each server has a turn in each")] = 3,
    seconds: Annotated[float, typer.Option(min=1, help="duration of each load in seconds")] = 3,
    only: Annotated[str, typer.Option(help="only servers whose name contains one of these")] = "",
    write: Annotated[bool, typer.Option(help="also write the tables to docs/")] = False,
    folder: Annotated[Path, typer.Option(help="folder for the results")] = ROOT / "build",
) -> None:
    """Compare how fast this server and others serve networks on this machine."""
    tool = generator.find()
    how = Run(tool, rounds, seconds, folder / "bench" / "tensors")
    found = {}
    for network in NETWORKS:
        found[network] = how.measure(network, [part for part in only.split(",") if part])
        found[network].save(folder / f"bench-{network.name}.json")
    text = tensor_report.report(found)
    print(f"\n{text}")
    if write:
        tensor_report.write(PAGE, text)


if __name__ == "__main__":
    typer.run(main)
