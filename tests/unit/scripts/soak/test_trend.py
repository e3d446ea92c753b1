"""Distinguishing growth from noise."""

from __future__ import annotations

import random

import pytest

from scripts.soak.trend import Limit, trend_of

TIMES = [5.0 * n for n in range(1, 121)]
LIMIT = Limit(0.05, 10)


def noisy(level: float, slope: float, seed: int = 1) -> list[float]:
    pick = random.Random(seed)
    return [level + slope * at + pick.gauss(0, 0.02 * level) for at in TIMES]


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_no_growth(seed: int) -> None:
    assert not trend_of(TIMES, noisy(500, 0, seed), LIMIT).grows


@pytest.mark.parametrize("seed", range(20))
def test_a_leak_as_small_as_the_noise_is_seen(seed: int) -> None:
    # Growth of 40 MiB over the measured 400 s, with noise of 10 MiB per sample.
    found = trend_of(TIMES, noisy(500, 0.1, seed), LIMIT)
    assert found.grows
    assert found.growth == pytest.approx(40, abs=20)


def test_what_grows_while_the_server_warms_up_may() -> None:
    values = [min(at, 190) for at in TIMES]
    assert not trend_of(TIMES, values, LIMIT).grows


def test_a_quarter_of_wild_samples_turns_nothing() -> None:
    pick = random.Random(3)
    values = [pick.choice([500, 500, 500, 5000]) for _ in TIMES]
    assert trend_of(TIMES, values, LIMIT).growth == pytest.approx(0, abs=1)


def test_what_shrinks_does_not_grow() -> None:
    assert not trend_of(TIMES, noisy(500, -1), LIMIT).grows
