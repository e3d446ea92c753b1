"""Parsing of the load generators' output. They themselves run in test_bench.py."""

import numpy as np
import pytest

from scripts.bench.generator import parse_h2load, parse_wrk

WRK = """Running 3s test @ http://127.0.0.1:8080/predictions/doubleit
  1 threads and 64 connections
  Requests/sec:  10000.00
{"requests": 30500, "microseconds": 3050000, "p50": 6250, "p99": 20500, \
"refused": 500, "connect": 1, "read": 2, "write": 3, "timeout": 4}
"""
H2LOAD = """
finished in 2.01s, 4975.50 req/s, 1.93MB/s
requests: 10064 total, 10064 started, 10000 done, 9990 succeeded, 10 failed, 5 errored, 0 timeout
status codes: 9990 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 3.88MB (4065408) total, 1.19MB (1250000) headers (space 83%), 1.2MB (990000) data
"""


def test_responses_without_2xx_are_errors_and_no_throughput() -> None:
    outcome = parse_wrk(WRK)
    assert outcome.answered == 30000
    assert outcome.errors == 500 + 1 + 2 + 3 + 4
    assert outcome.per_second == pytest.approx(30000 / 3.05)
    assert (outcome.p50_ms, outcome.p99_ms) == (6.25, 20.5)


@pytest.mark.parametrize(
    ("took", "seconds", "answer_bytes", "answered"),
    [("2.01s", 2.01, 99, 9985), ("997.67ms", 0.99767, 99, 9985), ("2.01s", 2.01, 110, 9000)],
)
def test_calls_without_a_message_are_errors(
    took: str, seconds: float, answer_bytes: int, answered: int
) -> None:
    outcome = parse_h2load(H2LOAD.replace("2.01s", took), np.arange(101) * 1e3, answer_bytes)
    assert (outcome.answered, outcome.errors) == (answered, 10000 - answered)
    assert outcome.per_second == pytest.approx(answered / seconds)
    assert (outcome.p50_ms, outcome.p99_ms) == (50, 99)
