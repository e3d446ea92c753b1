"""What wrk and Locust print, as the benchmark reads it. wrk itself runs in test_bench.py."""

from __future__ import annotations

import json

import pytest

from scripts.bench.generator import parse_locust, parse_wrk

WRK = """Running 3s test @ http://127.0.0.1:8080/predictions/doubleit
  1 threads and 64 connections
  Requests/sec:  10000.00
{"requests": 30500, "microseconds": 3050000, "p50": 6250, "p99": 20500, \
"refused": 500, "connect": 1, "read": 2, "write": 3, "timeout": 4}
"""


def test_wrk_answers_without_2xx_are_errors_and_no_throughput() -> None:
    outcome = parse_wrk(WRK)
    assert outcome.answered == 30000
    assert outcome.errors == 500 + 1 + 2 + 3 + 4
    assert outcome.per_second == pytest.approx(30000 / 3.05)
    assert (outcome.p50_ms, outcome.p99_ms) == (6.25, 20.5)


def test_locust_percentiles_come_from_its_counts() -> None:
    found = {
        "num_requests": 200,
        "num_failures": 20,
        "start_time": 10.0,
        "last_request_timestamp": 12.0,
        "response_times": {"3": 120, "7": 78, "100": 2},
    }
    outcome = parse_locust(json.dumps([found]))
    assert (outcome.answered, outcome.errors, outcome.per_second) == (180, 20, 90.0)
    assert (outcome.p50_ms, outcome.p99_ms) == (3.0, 7.0)
