"""A model that takes long: what its requests cost each other."""

import contextlib
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

import pytest

from tests.support import raw
from tests.support.server import Server
from tests.support.slow import queued, slow_server, wait_busy
from tests.support.wait import wait_until

# More than a request takes on a busy machine.
RESPONSE_SECONDS = 10
# Two such requests do not fit into one batch.
LARGE = "[-1" + ",0" * 300_000 + "]"


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with slow_server(tmp_path_factory.mktemp("slow"), RESPONSE_SECONDS) as server:
        yield server


def wait_queued(server: Server, count: int) -> None:
    wait_until(lambda: queued(server) == count, f"{count} requests in the queue")


def test_a_small_request_does_not_wait_for_all_large_ones_before_it(slow: Server) -> None:
    with ThreadPoolExecutor(5) as pool:
        pool.submit(slow.post, "[-2]")
        wait_busy(slow)
        large = []
        for count in (1, 2, 3):
            large.append(pool.submit(slow.post, LARGE))
            wait_queued(slow, count)
        small = pool.submit(slow.post, "[0]")
        order = list(as_completed([*large, small]))
    assert order.index(small) <= 1
    assert all(each.result().ok for each in order)


def test_a_request_gets_one_response_even_if_its_worker_dies_later(slow: Server) -> None:
    (pid,) = slow.worker_pids()
    with ThreadPoolExecutor(2) as pool, raw.connect(slow.ports["PORT"]) as client:
        pool.submit(slow.post, "[-3]")
        wait_busy(slow)
        client.sendall(raw.request(b"[-1]", "/predictions/slow"))
        wait_queued(slow, 1)
        lost = pool.submit(slow.post, "[-30]")
        wait_queued(slow, 2)
        # Both are in one batch, and the first of them is done.
        answer = raw.ask(client)
        assert (answer.status, answer.body) == (200, b"[-2]")
        os.kill(pid, signal.SIGKILL)
        assert lost.result().status_code in (500, 507)
        answer = raw.ask(client, raw.request(b"[4]", "/predictions/slow"))
        assert (answer.status, answer.body) == (200, b"[8]")


def test_requests_in_flight_are_completed_before_the_server_stops(slow: Server) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(raw.connect(slow.ports["PORT"])) for _ in range(3)]
        for number, client in zip((-1, 1, 2), clients, strict=True):
            client.sendall(raw.request(b"[%d]" % number, "/predictions/slow"))
        assert slow.stop() == 0
        assert [raw.ask(client).body for client in clients] == [b"[-2]", b"[2]", b"[4]"]
