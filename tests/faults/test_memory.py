"""A server with limited memory, like a container: no valid body ends a process."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

from scripts.bench import bodies
from scripts.bench.cgroup import Group
from scripts.model import archiver
from server import memory
from tests.faults.conftest import Limits, wait_for_all_workers
from tests.support import models
from tests.support.load import Load
from tests.support.raw import PATH
from tests.support.server import Server

MIB = 1 << 20
# `make limits` tests more sizes, for docs/reliability.md.
MEMORIES_MIB = [int(size) for size in os.environ.get("LIMITS_MIB", "1024").split()]
AT_ONCE = 4
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


@contextlib.contextmanager
def limited(store: Path, size: int, log: Path) -> Iterator[Contained]:
    """Run a server with two workers, if they fit, in a control group with `size` bytes."""
    try:
        group = Group(f"doubleit-{uuid.uuid4().hex}", size - FILES_BYTES)
    except OSError as error:
        pytest.skip(f"a control group with a memory limit takes root: {error}")
    server = Server(store, log, environment={"MEMORY": str(size)})
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


@pytest.fixture(scope="module", params=MEMORIES_MIB)
def contained(
    request: pytest.FixtureRequest, store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Contained]:
    log = tmp_path_factory.mktemp("contained") / "log"
    with limited(store, request.param * MIB, log) as each:
        yield each


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
            statuses[contained.ask(body)] += 1
            statuses.update(pool.map(contained.ask, [body] * AT_ONCE))
    peak = contained.group.peak() + FILES_BYTES
    limits_table.add(contained.limits, contained.size, form, largest, peak)
    # On a slow machine the last of them wait for too long.
    assert set(statuses) <= {200, 413, 503}, statuses
    assert statuses[200] > 1
    assert contained.group.killed() == 0
    assert server.worker_pids() == workers
    assert contained.ask(bodies.Body(b"[1]")) == 200


class Mean(nn.Module):
    """Returns the mean of each colour of images."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))


PHOTOS = "model: {batch: rows, inputs: {images: {datatype: FP32, shape: [-1, 3, 224, 224]}}}\n"
PHOTO = np.random.default_rng(0).random((3, 224, 224))


def photos(count: int) -> list[Any]:
    return [PHOTO.tolist()] * count


def v2(count: int, tensor: Mapping[str, Any], binary: bytes = b"") -> bodies.Body:
    given = {"name": "x", "shape": [count, *PHOTO.shape], "datatype": "FP32", **tensor}
    head = json.dumps({"inputs": [given]}).encode()
    size = {"Inference-Header-Content-Length": str(len(head))} if binary else bodies.JSON
    return bodies.Body(head + binary, size)


def binary(count: int) -> bodies.Body:
    data = PHOTO.astype(np.float32).tobytes() * count
    return v2(count, {"parameters": {"binary_data_size": len(data)}}, data)


# The memory in MiB, the body, and how many of them at once are all answered.
PEOPLE_SEND: dict[str, tuple[int, Callable[[], bodies.Body], int]] = {
    "a photo": (1024, lambda: bodies.Body(json.dumps(photos(1)).encode()), 1),
    "16 photos at once": (1024, lambda: bodies.Body(json.dumps(photos(1)).encode()), 16),
    "two photos as V1": (
        1024,
        lambda: bodies.Body(json.dumps({"instances": photos(2)}).encode()),
        1,
    ),
    "a photo as V2": (1024, lambda: v2(1, {"data": PHOTO.reshape(-1).tolist()}), 1),
    "24 binary photos": (1024, lambda: binary(24), 1),
    "a photo in 512 MiB": (512, lambda: bodies.Body(json.dumps(photos(1)).encode()), 1),
}


@pytest.fixture(scope="module")
def photo_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    module = models.save(Mean(), folder / "doubleit.pt", PHOTOS)
    archiver.package(module, "doubleit", "1.0", module.with_suffix(".yaml"), folder / "store")
    return folder / "store"


@pytest.mark.parametrize("what", PEOPLE_SEND)
def test_what_people_send_is_answered(what: str, photo_store: Path, tmp_path: Path) -> None:
    memory_mib, make, count = PEOPLE_SEND[what]
    with limited(photo_store, memory_mib << 20, tmp_path / "log") as contained:
        with ThreadPoolExecutor(count) as pool:
            assert list(pool.map(contained.ask, [make()] * count)) == [200] * count
        assert contained.group.killed() == 0


@pytest.mark.parametrize(
    ("memory_mib", "size_mib", "count"),
    [(1024, 8, 1), (1024, 16, 1), (1024, 31.9, 1), (1024, 8, 4), (1024, 8, 32), (512, 4, 1)],
)
def test_long_lists_are_answered(
    memory_mib: int, size_mib: float, count: int, store: Path, tmp_path: Path
) -> None:
    body = bodies.FORMS["list of integers"](int(size_mib * MIB))
    with limited(store, memory_mib << 20, tmp_path / "log") as contained:
        port = contained.server.ports["PORT"]
        with Load(port, clients=8) as load, ThreadPoolExecutor(count) as pool:
            statuses = Counter(pool.map(contained.ask, [body] * count))
        assert load.failures == []
        # The last of many wait for too long on a slow machine.
        assert statuses[200] + statuses[503] == count
        assert statuses[200] > count // 2 if count > 4 else statuses[200] == count
        assert contained.group.killed() == 0
