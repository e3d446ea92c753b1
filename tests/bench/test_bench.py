"""A short real benchmark run of this server. The speed is not checked.

Other servers need their own virtual environments, which `make bench` creates."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from scripts.bench import __main__ as command
from scripts.bench import rounds
from scripts.bench.lineup import SELF
from scripts.bench.loads import CROWD, PING, PREDICTIONS
from scripts.bench.results import Results

app = typer.Typer()
app.command()(command.main)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("bench")
    options = ["--rounds", "1", "--seconds", "1", "--only", SELF, "--folder", str(folder)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rounds, "WARM_UP_ROUNDS", 1)
        patch.setattr(rounds, "REST_SECONDS", 0.2)
        done = CliRunner().invoke(app, options, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return folder, done.output


def test_every_load_is_measured_and_answered(run: tuple[Path, str]) -> None:
    results = Results.load(run[0] / "bench.json")
    assert results.missing == {}
    (turns,) = results.rounds
    turn = turns[SELF]
    assert set(turn.samples) == {load.key for load in (*PREDICTIONS, PING)}
    assert turn.start_seconds > 0
    assert turn.rest_mb > 50
    for sample in turn.samples.values():
        assert sample.per_second > 0
        assert 0 < sample.p50_ms <= sample.p99_ms
        assert sample.cpu_ms > 0
        assert sample.memory_mb > 50
    assert turn.samples[CROWD.key].errors == 0


def test_the_report_and_the_plot_are_made(run: tuple[Path, str]) -> None:
    folder, printed = run
    assert f"requests/s, {CROWD.title}, FastAPI" in printed
    assert "not measured" in printed
    assert (folder / "benchmark.svg").read_text().startswith("<?xml")


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
