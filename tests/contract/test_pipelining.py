"""Clients that send requests before they have the responses to earlier ones (pipelining)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import raw
from tests.support.server import Server

CONNECTIONS = 60
DEPTH = 30
PING = b"GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = raw.request(b"[3]").replace(b"\r\n", b"\r\nConnection: close\r\n", 1)


def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    def numbers(seed: int) -> list[tuple[int, set[bytes]]]:
        pick = random.Random(seed)
        # Of different sizes and durations, or the responses would stay in order by themselves.
        bodies = [
            b"[%b]" % b",".join([b"%d" % n] * pick.choice([1, 1, 1, 5_000])) for n in range(DEPTH)
        ]
        answers = raw.pipeline(server.ports["PORT"], [raw.request(body) for body in bodies])
        return [(each.status, set(each.body.strip(b"[]").split(b","))) for each in answers]

    workers = server.worker_pids()
    with ThreadPoolExecutor(8) as pool:
        series = list(pool.map(numbers, range(CONNECTIONS)))
    assert series == [[(200, {b"%d" % (2 * n)}) for n in range(DEPTH)]] * CONNECTIONS
    assert server.worker_pids() == workers


@pytest.mark.parametrize(
    ("requests", "statuses"),
    [
        pytest.param([PING, raw.request(b"[1]")] * 200, [200] * 400, id="other routes between"),
        pytest.param([raw.request(b"[1]"), raw.request(b"["), PING], [200, 400], id="an error"),
        pytest.param([raw.request(b"[1]"), LAST, PING], [200, 200], id="Connection: close"),
    ],
)
def test_responses_come_until_one_closes_the_connection(
    server: Server, requests: Sequence[bytes], statuses: Sequence[int]
) -> None:
    answers = raw.pipeline(server.ports["PORT"], requests)
    assert [answer.status for answer in answers] == statuses
