"""Waiting for messages with and without sleeping."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from busy_poll import Arrivals

# Longer than in a server, so that a busy machine does not turn a fast message into a slow one.
BUSY_SECONDS = 0.1


class Pair:
    """The two ends of a connection; the worker's has got a message that came at once."""

    def __init__(self, worker: socket.socket, server: socket.socket, *, busy: bool) -> None:
        self.worker, self.server = worker, server
        self.arrivals = Arrivals(worker, busy=busy)
        self.send()
        self.receive()

    def send(self) -> None:
        self.server.send(b"x")

    def send_later(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self.send)
        timer.start()
        return timer

    def receive(self, *, single: bool = True) -> bytes:
        self.arrivals.wait(single=single)
        return self.worker.recv(1)


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Pair]:
    monkeypatch.setattr("busy_poll.BUSY_SECONDS", BUSY_SECONDS)
    worker, server = socket.socketpair()
    with worker, server:
        yield Pair(worker, server, busy=getattr(request, "param", True))


@pytest.mark.parametrize(
    ("pair", "single", "quick", "awake"),
    [(True, True, True, 1), (False, True, True, 0), (True, False, True, 0), (True, True, False, 0)],
    indirect=["pair"],
)
def test_it_stays_awake_only_for_single_requests_that_come_fast(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, *, single: bool, quick: bool, awake: int
) -> None:
    if not quick:
        pair.send_later(2 * BUSY_SECONDS)
        pair.receive(single=False)
    yields: list[None] = []

    def other_threads_run() -> None:
        yields.append(None)
        pair.send()

    monkeypatch.setattr(os, "sched_yield", other_threads_run)
    timer = pair.send_later(BUSY_SECONDS / 2)
    pair.receive(single=single)
    assert len(yields) == awake
    timer.join()


def test_it_sleeps_if_nothing_comes_soon(pair: Pair) -> None:
    pair.send_later(5 * BUSY_SECONDS)
    before = time.thread_time()
    pair.receive()
    assert time.thread_time() - before < 2 * BUSY_SECONDS


def test_it_returns_when_the_other_side_has_gone(pair: Pair) -> None:
    pair.server.close()
    assert pair.receive() == b""
