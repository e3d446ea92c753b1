"""The benchmark of networks, short: this server under real load, in JSON and in bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from scripts.bench import tensors
from scripts.bench.lineup import SELF
from scripts.bench.networks import NETWORKS
from scripts.bench.results import Results

app = typer.Typer()
app.command()(tensors.main)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("tensors")
    options = ["--rounds", "1", "--seconds", "2", "--only", SELF, "--folder", str(folder)]
    done = CliRunner().invoke(app, options, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return folder, done.output


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.name)
def test_both_formats_are_measured_and_answered(run: tuple[Path, str], network: object) -> None:
    results = Results.load(run[0] / f"bench-{network.name}.json")  # type: ignore[attr-defined]
    assert results.missing == {}
    (turns,) = results.rounds
    samples = turns[SELF].samples
    assert len(samples) == 2
    for sample in samples.values():
        assert sample.per_second > 0
        assert sample.errors == 0


def test_the_report_has_a_table_for_each_network(run: tuple[Path, str]) -> None:
    for network in NETWORKS:
        assert network.title.partition(",")[0].removeprefix("an ").removeprefix("a ") in run[1]
