"""Waiting for messages with and without sleeping."""

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from busy_poll import Arrivals

# Longer than in a server, so that a busy machine does not turn a fast message into a slow one.
BUSY_SECONDS = 0.1


Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ends]:
    """The worker's and the server's end of a connection."""
    monkeypatch.setattr("busy_poll.BUSY_SECONDS", BUSY_SECONDS)
    worker, server = socket.socketpair()
    with worker, server:
        yield worker, server


def receive(ends: Ends, arrivals: Arrivals, after: float, *, single: bool = True) -> None:
    """Receive a message that is sent after some seconds."""
    worker, server = ends
    if after:
        threading.Timer(after, server.send, [b"x"]).start()
    else:
        server.send(b"x")
    arrivals.wait(single=single)
    worker.recv(1)


@pytest.mark.parametrize(
    ("busy", "single", "previous"),
    [(True, True, 0), (False, True, 0), (True, False, 0), (True, True, 5 * BUSY_SECONDS)],
)
def test_it_stays_awake_only_for_single_requests_that_come_fast(
    ends: Ends, monkeypatch: pytest.MonkeyPatch, *, busy: bool, single: bool, previous: float
) -> None:
    arrivals = Arrivals(ends[0], busy=busy)
    receive(ends, arrivals, previous)
    yields: list[None] = []
    monkeypatch.setattr(os, "sched_yield", lambda: yields.append(None))
    receive(ends, arrivals, BUSY_SECONDS / 2, single=single)
    assert bool(yields) == (busy and single and not previous)


def test_it_sleeps_if_nothing_comes_soon(ends: Ends) -> None:
    arrivals = Arrivals(ends[0], busy=True)
    receive(ends, arrivals, 0)
    before = time.thread_time()
    receive(ends, arrivals, 5 * BUSY_SECONDS)
    assert time.thread_time() - before < 2 * BUSY_SECONDS
