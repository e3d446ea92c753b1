"""The model of Cloud Run's autoscaler."""

from __future__ import annotations

import math
import re

import pytest

from scripts.bench import autoscaler
from scripts.bench.autoscaler import Server
from server.store.paths import ROOT

FAST = Server("fast", 1, 1, per_second=10_000, start_seconds=2, concurrency=256)
SLOW = Server("slow", 1, 1, per_second=1_000, start_seconds=2, concurrency=80)
RATES = pytest.mark.parametrize("rate", [1, 10, 1_000, 30_000, 100_000])
SERVERS = pytest.mark.parametrize("server", [FAST, SLOW], ids=lambda it: it.name)


@SERVERS
@RATES
def test_instances_settle_where_their_cpu_or_their_request_rate_is_used_to_the_target(
    server: Server, rate: float
) -> None:
    settled = autoscaler.settled_instances(server, rate)
    assert settled * server.planned >= rate
    assert settled == 1 or (settled - 1) * server.planned < rate


@RATES
def test_a_faster_server_costs_less_and_starts_fewer_instances(rate: float) -> None:
    fast, slow = (autoscaler.simulate(it, rate) for it in (FAST, SLOW))
    assert fast.cold_starts <= slow.cold_starts
    assert autoscaler.dollars_per_million(FAST, rate) <= autoscaler.dollars_per_million(SLOW, rate)


def test_a_load_that_one_instance_carries_starts_no_other_and_delays_no_request() -> None:
    outcome = autoscaler.simulate(FAST, autoscaler.HTTP1_PER_SECOND)
    assert outcome == (0, 0, 0, 0)


def test_a_surge_waits_for_about_a_start_and_is_caught_up() -> None:
    outcome = autoscaler.simulate(FAST, 30_000)
    assert FAST.start_seconds < outcome.caught_up_seconds < 10 * FAST.start_seconds
    assert outcome.refused == 0


def test_what_all_instances_together_cannot_answer_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(autoscaler, "MAX_INSTANCES", 10)
    outcome = autoscaler.simulate(SLOW, 100_000)
    assert outcome.caught_up_seconds == math.inf
    assert outcome.refused > 0.8 * 100_000 * 100
    assert outcome.cold_starts == 9


@SERVERS
def test_a_million_requests_cost_their_fee_and_the_time_of_the_instances(server: Server) -> None:
    # Under high load every instance is always busy.
    price = autoscaler.CPU_SECOND + autoscaler.GIB_SECOND
    expected = 1e6 / server.planned * price + 0.40
    assert autoscaler.dollars_per_million(server, 1_000_000) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("page", ["scale.md", "deployment.md"])
def test_both_pages_state_the_model_s_prices(page: str) -> None:
    text = " ".join((ROOT / "docs" / page).read_text().split())
    for price, unit in (
        (f"{autoscaler.CPU_SECOND:.6f} $", "vCPU-second"),
        (f"{autoscaler.GIB_SECOND:.7f} $", "GiB-second"),
        (f"{autoscaler.MILLION_REQUESTS:.2f} $", "million"),
    ):
        assert re.search(rf"{re.escape(price)} per {unit}", text)
