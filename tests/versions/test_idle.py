"""Detecting that a version still has requests, on a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.versions import idle
from server.versions.registered import read
from tests.support.server import Server
from tests.support.slow import queued, slow_server, wait_busy
from tests.support.wait import wait_until


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with slow_server(tmp_path_factory.mktemp("slow"), 10) as server:
        yield server


def test_a_version_without_requests_is_idle_soon(slow: Server) -> None:
    started = time.monotonic()
    assert idle.wait(slow.client, "1.0", limit=60)
    assert time.monotonic() - started >= idle.QUIET_SECONDS


def test_a_request_in_a_worker_is_waited_for(slow: Server) -> None:
    with ThreadPoolExecutor() as pool:
        request = pool.submit(slow.post, "[-2]")
        wait_busy(slow)
        assert not idle.wait(slow.client, "1.0", limit=0.3)
        assert idle.wait(slow.client, "1.0", limit=30)
        assert request.done()
        assert request.result().text == "[-4]"


def test_requests_that_wait_for_the_worker_are_waited_for(
    slow: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that only the queue is considered.
    working = idle.busy
    monkeypatch.setattr(idle, "busy", lambda _version: False)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(slow.post, "[-2]")
        wait_until(lambda: working(read(slow.client).get("1.0")), "a worker that is busy")
        second = pool.submit(slow.post, "[0]")
        wait_until(lambda: queued(slow), "a request in the queue")
        assert idle.wait(slow.client, "1.0", limit=30)
        assert first.done()
        assert second.result().text == "[0]"


@pytest.mark.parametrize("hidden", ["LOCKS", "LOCK_VARIABLE"])
def test_where_locks_cannot_be_seen_the_response_timeout_passes(
    slow: Server, monkeypatch: pytest.MonkeyPatch, hidden: str
) -> None:
    monkeypatch.setattr(idle, hidden, Path("/nowhere") if hidden == "LOCKS" else "NO_SUCH_VARIABLE")
    assert idle.busy(read(slow.client).get("1.0")) is None
    assert not idle.wait(slow.client, "1.0", limit=1.5)
