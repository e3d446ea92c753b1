"""A short real benchmark run of this server. The speed is not checked.

Other servers need their own virtual environments, which `make bench` creates."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from scripts.bench import __main__ as command
from scripts.bench import measure
from scripts.bench.lineup import LIMIT, SELF
from scripts.bench.results import Results
from scripts.bench.workloads import CROWD, GRPC_LOADS, LISTS, NETWORKS

app = typer.Typer()
app.command()(command.main)


def run(folder: Path, *options: str) -> str:
    own = ["--rounds", "1", "--seconds", "1", "--folder", str(folder)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measure, "WARM_UP_ROUNDS", 1)
        patch.setattr(measure, "FIRST_WARM_UP_SECONDS", 1.0)
        patch.setattr(measure, "REST_SECONDS", 0.2)
        done = CliRunner().invoke(app, [*own, *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_every_load_is_measured_answered_and_reported(tmp_path: Path) -> None:
    printed = run(tmp_path, "--only", f"{SELF},{LIMIT}")
    results = Results.load(tmp_path / "bench-doubleit.json")
    assert results.missing == {}
    (turns,) = results.rounds
    turn = turns[SELF]
    assert list(turn.samples) == [load.key for load in LISTS.loads]
    assert turn.start_seconds > 0
    assert turn.rest_mb > 50
    for sample in turn.samples.values():
        assert 0 < sample.p50_ms <= sample.p99_ms
        assert sample.cpu_ms > 0
        assert sample.memory_mb > 50
    assert turn.samples[CROWD.key].errors == 0
    assert turn.samples[GRPC_LOADS[1].key].per_second > 0
    assert turns[LIMIT].samples[CROWD.key].per_second > 0
    assert f"requests/s, {CROWD.title}, best other server" in printed
    assert "not measured" in printed
    assert (tmp_path / "benchmark.svg").read_text().startswith("<?xml")


def test_networks_are_measured_in_both_formats(tmp_path: Path) -> None:
    printed = run(tmp_path, "--networks", "--only", SELF)
    for network in NETWORKS:
        results = Results.load(tmp_path / f"bench-{network.model}.json")
        assert results.missing == {}
        (turns,) = results.rounds
        for load in network.loads:
            assert turns[SELF].samples[load.key].errors == 0
        assert f"Requests per second for {network.title}" in printed


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--only", "nobody"], "no contender has"),
        (["--commit", "no-such-commit"], "no-such-commit cannot be checked out"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_starts(
    options: list[str], words: str
) -> None:
    done = CliRunner().invoke(app, options)
    assert done.exit_code == 2
    assert words in done.output
