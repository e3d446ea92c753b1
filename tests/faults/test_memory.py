"""A server with limited memory, like a container: no valid body ends a process."""

import json
import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest
import requests
from torch import Tensor, nn

from scripts.bench.bodies import FORMS, Body, Make
from scripts.bench.cgroup import Group
from server import memory
from tests.faults.conftest import LIMITS, MIB, wait_for_all_workers
from tests.support.operators import add
from tests.support.server import Server
from tests.unit.server.test_memory import figures

# `make limits` tests more sizes, for docs/reliability.md.
MEMORIES_MIB = [int(size) for size in os.environ.get("LIMITS_MIB", "1024").split()]
# File pages that a container would have to hold, but that are already cached on this machine, so
# that the group is not charged for them. While the server handles every format, Java references
# 39 MiB of the libraries' pages and a worker 29 MiB (`Referenced` in proc_pid_smaps(5)).
FILES_BYTES = 72 * MIB
PHOTOS = "model: {batch: rows, inputs: {images: {datatype: FP32, shape: [-1, 3, 224, 224]}}}\n"
PHOTO = np.random.default_rng(0).random((3, 224, 224))


class Mean(nn.Module):
    """Returns the mean of each colour of images."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))


class Contained(NamedTuple):
    """A server in its own control group."""

    server: Server
    group: Group
    limits: memory.Limits

    def ask(self, body: Body) -> int:
        url, headers = self.server.predictions, {"Accept-Encoding": "identity", **body.headers}
        return requests.post(url, body.content, headers=headers, timeout=120).status_code

    def ask_at_once(self, body: Body, count: int) -> Counter[int]:
        """Return the statuses of the responses to requests that are sent at the same time."""
        with ThreadPoolExecutor(count) as pool:
            return Counter(pool.map(self.ask, [body] * count))

    def largest(self, make: Make) -> int:
        """Return the size of the largest body that gets 200."""
        answered, refused = 0, self.limits.request
        if self.ask(make(refused)) == 200:
            return refused
        for _ in range(6):
            middle = (answered + refused) // 2
            if self.ask(make(middle)) == 200:
                answered = middle
            else:
                refused = middle
        return answered


@pytest.fixture(scope="module")
def contained(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Contained]:
    """A server of a model with two workers, if they fit, in a group with some MiB of memory."""
    model, memory_mib = request.param
    size, folder = memory_mib * MIB, tmp_path_factory.mktemp("contained")
    store = folder
    if model == "doubleit":
        store = request.getfixturevalue("store")
    else:
        add(store, "1.0", Mean(), PHOTOS)
    limits = memory.limits(size, models=[(store / "doubleit-1.0.mar").stat().st_size])
    try:
        group = Group(f"doubleit-{uuid.uuid4().hex}", size - FILES_BYTES)
    except OSError as error:
        pytest.skip(f"a control group with a memory limit takes root: {error}")
    server = Server(store, folder / "log", environment={"MEMORY": str(size)})
    with group:
        try:
            with group.entered():
                server.start()
            server.wait_ready()
            wait_for_all_workers(server)
            yield Contained(server, group, limits)
        finally:
            server.stop()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("contained", [("doubleit", it) for it in MEMORIES_MIB], indirect=True)
@pytest.mark.parametrize("form", FORMS)
def test_the_largest_bodies_are_answered_or_refused(contained: Contained, form: str) -> None:
    make, server, limits = FORMS[form], contained.server, contained.limits
    workers = server.worker_pids()
    largest = contained.largest(make)
    statuses: Counter[int] = Counter()
    for size in {largest, limits.request}:
        statuses[contained.ask(make(size))] += 1
        statuses += contained.ask_at_once(make(size), 4)
    size = int(server.environment["MEMORY"])
    LIMITS[size] = {
        **figures(limits),
        **LIMITS.get(size, {}),
        "most memory used, MiB": str((contained.group.peak() + FILES_BYTES) // MIB),
        form: f"{largest / MIB:.2g}" if largest < MIB else f"{largest / MIB:.1f}",
    }
    # On a slow machine the last of them wait for too long.
    assert set(statuses) <= {200, 413, 503}, statuses
    assert statuses[200] > 1
    assert contained.group.killed() == 0
    assert server.worker_pids() == workers
    assert contained.ask(Body(b"[1]")) == 200


def numbers(mib: float) -> Callable[[], Body]:
    return lambda: FORMS["list of integers"](int(mib * MIB))


def photo() -> Body:
    return Body(json.dumps([PHOTO.tolist()]).encode())


def binary_photos() -> Body:
    data, count = PHOTO.astype(np.float32).tobytes(), 24
    size = {"binary_data_size": count * len(data)}
    tensor = {"name": "x", "shape": [count, *PHOTO.shape], "datatype": "FP32", "parameters": size}
    head = json.dumps({"inputs": [tensor]}).encode()
    return Body(head + data * count, {"Inference-Header-Content-Length": str(len(head))})


@pytest.mark.parametrize(
    ("contained", "make", "count"),
    [
        (("photos", 1024), photo, 16),
        (("photos", 1024), binary_photos, 1),
        (("photos", 512), photo, 1),
        (("doubleit", 1024), numbers(31.9), 1),
        (("doubleit", 1024), numbers(8), 32),
        (("doubleit", 512), numbers(4), 1),
    ],
    indirect=["contained"],
)
def test_what_people_send_is_answered(
    contained: Contained, make: Callable[[], Body], count: int
) -> None:
    statuses = contained.ask_at_once(make(), count)
    # The last of many wait for too long on a slow machine.
    assert statuses[200] + statuses[503] == count
    assert statuses[200] > count // 2 if count > 4 else statuses[200] == count
    assert contained.group.killed() == 0
