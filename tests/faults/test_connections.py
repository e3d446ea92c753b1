"""Connections that are idle, slow, cut off, pipelined or large, next to 32 ordinary clients."""

from __future__ import annotations

import random
import resource
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest

from tests.faults.conftest import Report, resident
from tests.support import raw
from tests.support.load import Load

MIB = 1 << 20
IDLE = 10_000
SLOW = 100
CUT = 3_000
PIPELINES = 200
ROUNDS, LARGE = 12, 4


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Allow this process and its server a file descriptor for each connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < IDLE + 2_000:
        pytest.skip(f"{IDLE} connections take more than the {hard} descriptors allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (IDLE + 2_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
def test_idle_connections(serve: Any, report: Report) -> None:
    with serve() as server, Load(server.ports["PORT"]) as load:
        load.run(2)
        java = psutil.Process(server.java_pid())
        before, descriptors = java.memory_info().rss, java.num_fds()
        opened = time.monotonic()
        idle = [raw.connect(server.ports["PORT"]) for _ in range(IDLE)]
        load.run(5)
        cost = (java.memory_info().rss - before) / IDLE / 1024
        # The last connection still works.
        idle[-1].sendall(raw.request(b"[21]"))
        answer = raw.read(idle[-1].makefile("rb"))
        assert answer is not None
        assert answer.body == b"[42]"
        for each in idle:
            each.close()
        deadline = time.monotonic() + 20
        while java.num_fds() > descriptors + 50:
            assert time.monotonic() < deadline, "descriptors are not given back"
            time.sleep(0.1)
        load.settle()
    report(f"{IDLE} idle connections", load, opened, f"{cost:.0f} KiB each")
    assert load.failures == []


def test_clients_that_send_a_byte_a_second(serve: Any, report: Report) -> None:
    body = raw.request(b"[1, 2]")
    # The first part is sent at once, the last bytes one per second.
    slow_part = 20
    with serve() as server, Load(server.ports["PORT"]) as load:
        began = time.monotonic()
        clients = [raw.connect(server.ports["PORT"]) for _ in range(SLOW)]
        for client in clients:
            client.sendall(body[:-slow_part])
        for i in range(len(body) - slow_part, len(body)):
            for client in clients:
                client.sendall(body[i : i + 1])
            time.sleep(1)
        answers = [raw.read(client.makefile("rb")) for client in clients]
        for client in clients:
            client.close()
    assert [a.body for a in answers if a] == [b"[2,4]"] * SLOW
    report(f"{SLOW} clients that send a byte a second", load, began)
    assert load.failures == []


def test_requests_cut_in_the_middle(serve: Any, report: Report) -> None:
    pick = random.Random(2)
    whole = raw.request(b"[%b]" % b",".join([b"3"] * 2_000))
    with serve() as server, Load(server.ports["PORT"]) as load:
        workers = server.worker_pids()
        began = time.monotonic()
        for n in range(CUT):
            with raw.connect(server.ports["PORT"]) as client:
                if n % 2:  # a reset instead of a normal close
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.sendall(whole[: pick.randrange(len(whole) + 1)])
        load.settle()
        assert server.worker_pids() == workers
    report(f"{CUT} requests cut off in the middle", load, began)
    assert load.failures == []


def test_pipelined_requests(serve: Any, report: Report) -> None:
    def pipeline(port: int, seed: int) -> None:
        pick = random.Random(seed)
        sizes = [pick.choice([1, 1, 1, 5_000]) for _ in range(20)]
        bodies = [b"[%b]" % b",".join([b"%d" % n] * size) for n, size in enumerate(sizes)]
        answers = raw.pipeline(port, [raw.request(body) for body in bodies])
        assert [answer.body for answer in answers] == [
            b"[%b]" % b",".join([b"%d" % (2 * n)] * size) for n, size in enumerate(sizes)
        ]

    with serve() as server, Load(server.ports["PORT"]) as load:
        workers = server.worker_pids()
        began = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda seed: pipeline(server.ports["PORT"], seed), range(PIPELINES)))
        load.settle()
        assert server.worker_pids() == workers
    report(f"{PIPELINES} times 20 pipelined requests, all answered in order", load, began)
    assert load.failures == []


def test_bodies_at_the_limit(serve: Any, report: Report) -> None:
    count = 16 * MIB - 2
    body, answer = f"[{'1,' * count}1]", b"[" + b"2," * count + b"2]"
    assert len(body) <= 32 * MIB
    sizes = []
    with (
        serve(MEMORY="4GiB") as server,
        Load(server.ports["PORT"], clients=8) as load,
        ThreadPoolExecutor(2) as pool,
    ):
        began = time.monotonic()
        for _ in range(ROUNDS):
            for content in pool.map(lambda _: server.post(body).content, range(LARGE)):
                assert content == answer
            sizes.append(resident(server) // MIB)
        load.settle()
    report(
        f"{ROUNDS * LARGE} bodies of 32 MiB, answered exactly",
        load,
        began,
        f"memory {'/'.join(map(str, sizes))} MiB",
    )
    assert load.failures == []
    # In the first rounds the heap grows to its limit and both workers get their first large bodies.
    assert sizes[-1] < sizes[ROUNDS // 2] * 1.15
