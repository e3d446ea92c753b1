"""Parsing of wrk's output. wrk itself runs in test_bench.py."""

from __future__ import annotations

import pytest

from scripts.bench.generator import parse_wrk

WRK = """Running 3s test @ http://127.0.0.1:8080/predictions/doubleit
  1 threads and 64 connections
  Requests/sec:  10000.00
{"requests": 30500, "microseconds": 3050000, "p50": 6250, "p99": 20500, \
"refused": 500, "connect": 1, "read": 2, "write": 3, "timeout": 4}
"""


def test_responses_without_2xx_are_errors_and_no_throughput() -> None:
    outcome = parse_wrk(WRK)
    assert outcome.answered == 30000
    assert outcome.errors == 500 + 1 + 2 + 3 + 4
    assert outcome.per_second == pytest.approx(30000 / 3.05)
    assert (outcome.p50_ms, outcome.p99_ms) == (6.25, 20.5)
