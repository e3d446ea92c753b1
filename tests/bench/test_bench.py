"""The real thing, short: this server under real load. Nothing is said of speed.

Others take an environment of their own, which `make bench` installs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.bench.lineup import SELF
from scripts.bench.loads import CROWD, PING, PREDICTIONS
from scripts.bench.results import Results
from tests.support.server import ROOT


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("bench")
    options = ["--rounds", "1", "--seconds", "1", "--only", SELF]
    done = subprocess.run(
        [sys.executable, "-m", "scripts.bench", *options, "--folder", str(folder)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


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
    assert f"requests/s, {CROWD.title}, against FastAPI" in printed
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
    command = [sys.executable, "-m", "scripts.bench", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert words in done.stderr
