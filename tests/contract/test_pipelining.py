"""Clients that send requests before the ones ahead of them are answered.

TorchServe writes answers as its workers give them, so that two can change places, and its record of
who asked can be emptied between two requests, which costs a worker a responseTimeout. An assertion
that config.properties switches on ends such a connection instead.
"""

from __future__ import annotations

import contextlib
import random
from concurrent.futures import ThreadPoolExecutor

from tests.support import raw
from tests.support.server import Server

CONNECTIONS = 60
DEPTH = 30


def pipeline(server: Server, seed: int) -> list[raw.Answer]:
    """Send a series of requests at once; return the answers that came before the end."""
    pick = random.Random(seed)
    # Of sizes that take different times, or they would stay in order by themselves.
    bodies = [
        b"[%b]" % b",".join([b"%d" % n] * pick.choice([1, 1, 1, 5_000])) for n in range(DEPTH)
    ]
    answers: list[raw.Answer] = []
    with raw.connect(server.ports["PORT"]) as client, contextlib.suppress(OSError):
        client.sendall(b"".join(map(raw.request, bodies)))
        with client.makefile("rb") as stream:
            while len(answers) < DEPTH and (answer := raw.read(stream)):
                answers.append(answer)
    return answers


def test_pipelined_requests_are_never_answered_for_each_other(server: Server) -> None:
    workers = server.worker_pids()
    with ThreadPoolExecutor(8) as pool:
        series = list(pool.map(lambda seed: pipeline(server, seed), range(CONNECTIONS)))
    refused = 0
    for answers in series:
        for n, answer in enumerate(answers):
            if answer.status == 200:
                assert set(answer.body.strip(b"[]").split(b",")) == {b"%d" % (2 * n)}
            else:
                assert (answer.status, b"AssertionError" in answer.body) == (500, True)
                assert n == len(answers) - 1
                refused += 1
    # Otherwise nothing was pipelined, and this test shows nothing.
    assert refused > 0
    assert server.post("[1]").text == "[2]"
    assert set(workers) <= set(server.worker_pids())
