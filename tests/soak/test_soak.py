"""The soak: it sees what grows, is not taken in by noise, and runs."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.soak import load, trend
from scripts.store.paths import ROOT

TIMES = [5.0 * n for n in range(1, 121)]
LIMIT = trend.Limit(0.05, 10)


def noisy(level: float, slope: float, seed: int = 1) -> list[float]:
    pick = random.Random(seed)
    return [level + slope * at + pick.gauss(0, 0.02 * level) for at in TIMES]


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_growth(seed: int) -> None:
    assert not trend.of(TIMES, noisy(500, 0, seed), LIMIT).grows


@pytest.mark.parametrize("seed", range(20))
def test_a_leak_as_small_as_the_noise_is_seen(seed: int) -> None:
    # 40 MiB in the measured 400 s, where a single sample is off by 10.
    found = trend.of(TIMES, noisy(500, 0.1, seed), LIMIT)
    assert found.grows
    assert found.growth == pytest.approx(40, abs=20)


def test_what_grows_while_the_server_warms_up_may() -> None:
    values = [min(at, 190) for at in TIMES]
    assert not trend.of(TIMES, values, LIMIT).grows


def test_a_quarter_of_wild_samples_turns_nothing() -> None:
    pick = random.Random(3)
    values = [pick.choice([500, 500, 500, 5000]) for _ in TIMES]
    assert trend.of(TIMES, values, LIMIT).growth == pytest.approx(0, abs=1)


def test_what_shrinks_does_not_grow() -> None:
    assert not trend.of(TIMES, noisy(500, -1), LIMIT).grows


def test_a_server_that_is_not_there_is_a_fault_of_every_request() -> None:
    with load.Load("127.0.0.1", 1, clients=2, rate=100) as broken:
        while broken.requests < 4:
            pass
    assert len(broken.faults) == broken.requests
    assert "ConnectionRefusedError" in broken.faults[0]
    assert broken.p99() > 0


def test_a_short_soak_runs_and_is_drawn(tmp_path: Path, store: Path) -> None:
    picture = tmp_path / "soak.svg"
    done = subprocess.run(
        [sys.executable, "-m", "scripts.soak", "--minutes", "0.1", "--plot", picture],
        cwd=ROOT,
        env={**os.environ, "MODEL_STORE": str(store)},
        capture_output=True,
        text=True,
        check=False,
    )
    # Six seconds are all warm-up: growth is no news, a request without its answer is.
    assert " 0 failed or wrong" in done.stdout, done.stdout + done.stderr
    assert "file descriptors" in done.stdout
    assert picture.read_text().startswith("<?xml")
    assert picture.stat().st_size < 150 * 1024
