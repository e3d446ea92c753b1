"""The model of Cloud Run's autoscaler, and the tables of docs/scale.md."""

import json
import math
import re

import pytest

from scripts.bench import autoscaler, lineup, report, scale
from scripts.bench.autoscaler import Instance
from server.store.paths import ROOT

RUN = json.loads(scale.RUN.read_text())
FAST = Instance("fast", 1, per_second=10_000, p50_ms=1, start_seconds=2, concurrency=256)
SLOW = FAST._replace(per_second=1_000, concurrency=80)


@pytest.mark.parametrize("rate", [1, 10, 1_000, 30_000, 100_000])
def test_a_faster_server_costs_less_and_starts_fewer_instances(rate: float) -> None:
    fast, slow = (autoscaler.simulate(it, rate) for it in (FAST, SLOW))
    assert fast.cold_starts <= slow.cold_starts
    assert autoscaler.dollars_per_million(FAST, rate) <= autoscaler.dollars_per_million(SLOW, rate)
    for it in (FAST, SLOW):
        settled = autoscaler.settled_instances(it, rate)
        assert settled * it.planned >= rate
        assert settled == 1 or (settled - 1) * it.planned < rate


def test_only_a_load_above_one_instance_s_waits_for_about_a_start_and_is_caught_up() -> None:
    assert autoscaler.simulate(FAST, autoscaler.HTTP1_PER_SECOND) == (0, 0, 0, 0)
    outcome = autoscaler.simulate(FAST, 30_000)
    assert FAST.start_seconds < outcome.caught_up_seconds < 10 * FAST.start_seconds
    assert outcome.refused == 0


def test_what_all_instances_together_cannot_answer_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(autoscaler, "MAX_INSTANCES", 10)
    outcome = autoscaler.simulate(SLOW, 100_000)
    assert outcome.caught_up_seconds == math.inf
    assert 0.8 < outcome.refused < 1
    assert outcome.cold_starts == 9


def test_the_page_states_the_model_s_prices() -> None:
    text = " ".join(scale.PAGE.read_text().split())
    assert f"{autoscaler.CPU_SECOND:.6f} $ per vCPU-second" in text
    assert f"{autoscaler.GIB_SECOND:.7f} $ per GiB-second" in text
    assert f"{autoscaler.MILLION_REQUESTS:.2f} $ per million" in text


def test_the_page_holds_the_tables_of_the_measured_run() -> None:
    begin, end = report.markers(scale.COMMAND)
    _, _, text = scale.PAGE.read_text().partition(begin)
    assert text.partition(end)[0].strip() == scale.tables(RUN), "make cloud-scale WRITE=1"


def test_concurrency_and_queue_are_those_of_the_deployment() -> None:
    sizing = (ROOT / "iac/environment/variables_sizing.tf").read_text()
    concurrency = scale.CONCURRENCY[lineup.SELF]
    assert re.search(rf"concurrency\s+= optional\(number, {concurrency}\)", sizing)
    assert f"job_queue_size={scale.QUEUE}\n" in (ROOT / "config.properties").read_text()
