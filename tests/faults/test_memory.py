"""A server with limited memory, like a container: no valid body ends a process."""

from __future__ import annotations

import http.client
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.bench import bodies
from server import memory
from tests.faults.conftest import Limits, wait_for_all_workers
from tests.support.cgroup import Group
from tests.support.raw import PATH
from tests.support.server import Server

MIB = 1 << 20
# `make limits` tests more sizes, for docs/reliability.md.
MEMORIES_MIB = [int(size) for size in os.environ.get("LIMITS_MIB", "1024").split()]
AT_ONCE = 8
# File pages that a container would have to hold, but that are already cached on this machine, so
# that the group is not charged for them. While the server handles every format, Java references
# 39 MiB of the libraries' pages and a worker 29 MiB (`Referenced` in proc_pid_smaps(5)).
FILES_BYTES = 72 * MIB
# The steps of the binary search for the largest body.
STEPS = 6
ANSWER_SECONDS = 120


class Contained:
    """A server in its own control group."""

    def __init__(self, server: Server, group: Group, size: int, archive: int) -> None:
        self.server, self.group, self.size = server, group, size
        self.limits = memory.limits(size, models=[archive])

    def ask(self, body: bodies.Body) -> int:
        """Return the status of the response."""
        port = self.server.ports["PORT"]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
        try:
            connection.request("POST", PATH, body.content, dict(body.headers))
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    def largest(self, make: bodies.Make) -> int:
        """Return the size of the largest body that gets 200."""
        answered, refused = 0, self.limits.request
        if self.ask(make(refused)) == 200:
            return refused
        for _ in range(STEPS):
            middle = (answered + refused) // 2
            if self.ask(make(middle)) == 200:
                answered = middle
            else:
                refused = middle
        return answered


@pytest.fixture(scope="module", params=MEMORIES_MIB)
def contained(
    request: pytest.FixtureRequest, store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Contained]:
    size = request.param * MIB
    try:
        group = Group(f"doubleit-{os.getpid()}-{request.param}", size - FILES_BYTES)
    except OSError as error:
        pytest.skip(f"a control group with a memory limit takes root: {error}")
    server = Server(
        store, tmp_path_factory.mktemp("contained") / "log", environment={"MEMORY": str(size)}
    )
    try:
        with group.entered():
            server.start()
        server.wait_ready()
        wait_for_all_workers(server)
        archive = (store / "doubleit-1.0.mar").stat().st_size
        yield Contained(server, group, size, archive)
    finally:
        server.stop()
        group.remove()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("form", bodies.FORMS)
def test_the_largest_bodies_are_answered_or_refused(
    contained: Contained, form: str, limits_table: Limits
) -> None:
    make, server = bodies.FORMS[form], contained.server
    workers = server.worker_pids()
    largest = contained.largest(make)
    statuses: Counter[int] = Counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for size in {largest, contained.limits.request}:
            body = make(size)
            statuses.update(contained.ask(body) for _ in range(3))
            statuses.update(pool.map(contained.ask, [body] * AT_ONCE))
    peak = contained.group.peak() + FILES_BYTES
    limits_table.add(contained.limits, contained.size, form, largest, peak)
    # On a slow machine the last of them wait for too long.
    assert set(statuses) <= {200, 413, 503}, statuses
    assert statuses[200] > 3
    assert contained.group.killed() == 0
    assert server.worker_pids() == workers
    assert contained.ask(bodies.Body(b"[1]")) == 200
