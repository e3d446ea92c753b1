"""Connections that are idle, slow, cut off or large, next to 32 ordinary clients."""

import random
import resource
import socket
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.faults.conftest import MIB, fault, resident_mib
from tests.support import raw
from tests.support.server import Server
from tests.support.wait import wait_until

IDLE = 10_000
SLOW = 100
CUT = 3_000
ROUNDS, LARGE = 12, 4


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Allow this process a file descriptor for each connection; Java raises its own limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < IDLE + 2_000:
        pytest.skip(f"{IDLE} connections take more than the {hard} descriptors allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (IDLE + 2_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_descriptors")
def test_idle_connections(server: Server) -> None:
    with fault(f"{IDLE} idle connections", server) as it, ExitStack() as stack:
        java = psutil.Process(server.java_pid())
        before, descriptors = java.memory_info().rss, java.num_fds()
        port = server.ports["PORT"]
        idle = [stack.enter_context(raw.connect(port)) for _ in range(IDLE)]
        time.sleep(5)
        it.remark = f"{(java.memory_info().rss - before) / IDLE / 1024:.0f} KiB each"
        # The last connection still works.
        assert raw.ask(idle[-1], raw.request(b"[21]")).body == b"[42]"
        stack.close()
        wait_until(lambda: java.num_fds() <= descriptors + 50, "the descriptors are given back")


@pytest.mark.slow
def test_clients_that_send_a_byte_a_second(server: Server) -> None:
    body = raw.request(b"[1, 2]")
    # The first part is sent at once, the last bytes one per second.
    slow_part = 20
    name = f"{SLOW} clients that send a byte a second"
    with fault(name, server), ExitStack() as stack:
        port = server.ports["PORT"]
        clients = [stack.enter_context(raw.connect(port)) for _ in range(SLOW)]
        for client in clients:
            client.sendall(body[:-slow_part])
        for i in range(len(body) - slow_part, len(body)):
            for client in clients:
                client.sendall(body[i : i + 1])
            time.sleep(1)
        assert [raw.ask(client).body for client in clients] == [b"[2,4]"] * SLOW


def test_requests_cut_in_the_middle(server: Server) -> None:
    pick = random.Random(2)
    whole = raw.request(b"[%b]" % b",".join([b"3"] * 2_000))
    with fault(f"{CUT} requests cut off in the middle", server):
        for n in range(CUT):
            with raw.connect(server.ports["PORT"]) as client:
                if n % 2:  # a reset instead of a normal close
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.sendall(whole[: pick.randrange(len(whole) + 1)])


def test_bodies_at_the_limit(store: Path, tmp_path: Path) -> None:
    count = 16 * MIB - 2
    body, answer = f"[{'1,' * count}1]", b"[" + b"2," * count + b"2]"
    sizes = []
    name = f"{ROUNDS * LARGE} bodies of 32 MiB, answered exactly"
    with (
        Server(store, tmp_path / "log", environment={"MEMORY": "4GiB"}) as server,
        fault(name, server, clients=8) as it,
        ThreadPoolExecutor(2) as pool,
    ):
        for _ in range(ROUNDS):
            for content in pool.map(lambda _: server.post(body).content, range(LARGE)):
                assert content == answer
            sizes.append(resident_mib(server))
        it.remark = f"memory {'/'.join(map(str, sizes))} MiB"
    # In the first rounds the heap grows to its limit and both workers get their first large bodies.
    assert sizes[-1] < sizes[ROUNDS // 2] * 1.15
