"""Clients that send requests before they have the responses to earlier ones (pipelining).

TorchServe writes responses in the order in which its workers finish, so two of them can be swapped,
and it can lose track of a request, which blocks a worker for a `responseTimeout`. An assertion that
config.properties switches on closes such a connection instead.
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
    """Send a series of requests at once; return the responses until the connection is closed."""
    pick = random.Random(seed)
    # Of different sizes and durations, or the responses would always stay in order.
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


def test_pipelined_requests_never_get_each_other_s_responses(server: Server) -> None:
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
    # Otherwise no requests were pipelined, and the test is meaningless.
    assert refused > 0
    assert server.post("[1]").text == "[2]"
    assert set(workers) <= set(server.worker_pids())
