"""How large a request may be in the memory at hand, and how much of it Java may take.

TorchServe bounds the number of requests that wait, not their bytes. So one body may be as large as
lets FULL_SIZE_REQUESTS of them be held at once, in Java and in the workers together: what is larger
gets 413 before it is parsed. docs/reliability.md has the table of the limits, measured.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

MIB = 1 << 20
UNITS = {"": 1, "K": 1 << 10, "M": MIB, "G": 1 << 30}
SIZE = re.compile(r"(\d{1,15}) ?([KMG]?)(?:iB|i|B)?", re.IGNORECASE | re.ASCII)
CGROUPS, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")

# What a server has before it gets a large request: Java 180 MiB, workers' common imports 60 MiB,
# the supervisor, 70 MiB of libraries' pages that are in use; and a margin.
SERVER_BYTES = 400 * MIB
# What each worker adds before it has a model.
WORKER_BYTES = 24 * MIB
# A worker that cannot have this much for its requests is not worth starting.
WORKER_REQUESTS_BYTES = 64 * MIB
# Cloud Run passes on 32 MiB at most.
LARGEST_REQUEST_BYTES = 32 * MIB

# All of the following are multiples of the largest body.
# A body in Java's heap, in the buffer that it is written to the worker from (twice, while that
# grows), and in the worker (as it is read, and whole).
COPIES = 5
# What reading, running and answering a request may take in a worker, its body included: an object
# for every few bytes takes most (handler/limits.py), and no form is to have a limit of its own.
WORK = 120
# `1,` among fractions becomes `2.0,`, and a larger response gets 413.
RESPONSE = 3
# A response in a worker's connection (twice, while its buffer grows); in Java's heap (once, and a
# copy in a buffer of up to twice its size).
RESPONSE_DIRECT_COPIES, RESPONSE_HEAP_COPIES = 2, 3
# Responses on their way to clients: workers are faster than one thread that writes them.
RESPONSES = 8
# Java's heap must have room to move what is alive.
HEAP_MARGIN = 1.3
# Java's own: classes' objects, and the arenas that buffers are cut from.
HEAP_BYTES, DIRECT_BYTES = 48 * MIB, 24 * MIB


class Limits(NamedTuple):
    """What a server may do within its memory.

    Attributes:
        workers: how many each model has.
        request: bytes of a request's body.
        response: bytes of a response's body.
        request_memory: bytes that reading, running and rendering one request may take in a worker.
        heap: bytes of Java's heap.
        direct: bytes of Java's buffers beside the heap.
    """

    workers: int
    request: int
    response: int
    request_memory: int
    heap: int
    direct: int

    def variables(self) -> dict[str, str]:
        """Return them as config.properties and the handler know them."""
        # Where memory allows as many as there are processors, TorchServe counts: GPUs, if any.
        fewer = self.workers != cores()
        return {
            **({"TS_DEFAULT_WORKERS_PER_MODEL": str(self.workers)} if fewer else {}),
            "MAX_REQUEST_BYTES": str(self.request),
            "MAX_RESPONSE_BYTES": str(self.response),
            "REQUEST_MEMORY_BYTES": str(self.request_memory),
            "JAVA_HEAP_BYTES": str(self.heap),
            "JAVA_DIRECT_BYTES": str(self.direct),
        }


def limits(
    memory: int, *, workers: int | None = None, models: Sequence[int] = (0,), at_once: int = 32
) -> Limits:
    """Return the limits of a server.

    Args:
        memory: bytes at hand.
        workers: of each model; as many as there are cores and memory allows by default.
        models: bytes of each model that is served, which each of its workers holds.
        at_once: how many requests of the largest size are held at once.

    Raises:
        ValueError: the memory does not hold the models.
    """
    # TorchServe unpacks each archive into the temporary folder, which may be memory too.
    free = memory - SERVER_BYTES - sum(models)
    each = len(models) * WORKER_BYTES + sum(models)
    if workers is None:
        workers = max(1, min(cores(), free // (each + WORKER_REQUESTS_BYTES)))
    free -= workers * each
    if free < WORKER_REQUESTS_BYTES // 2:
        raise ValueError(
            f"{memory // MIB} MiB do not hold {workers} workers of each model: set MEMORY or "
            "TS_DEFAULT_WORKERS_PER_MODEL"
        )
    busy = workers * len(models)
    responses = min(RESPONSES, at_once)
    heap = (at_once + responses * RESPONSE * RESPONSE_HEAP_COPIES) * HEAP_MARGIN
    direct = 2 * at_once + (busy * RESPONSE_DIRECT_COPIES + responses) * RESPONSE
    bodies = at_once * (COPIES - 3) + busy * WORK
    request = min(LARGEST_REQUEST_BYTES, int(free / (heap + direct + bodies)))
    return Limits(
        workers,
        request,
        request * RESPONSE,
        request * WORK,
        HEAP_BYTES + int(request * heap),
        DIRECT_BYTES + request * direct,
    )


def at_hand(environment: Mapping[str, str] = os.environ) -> int:
    """Return the bytes that this server may use: MEMORY, the cgroup's limit, or the machine's.

    Raises:
        ValueError: MEMORY is no size.
    """
    stated = environment.get("MEMORY")
    if stated:
        size = SIZE.fullmatch(stated)
        if not size:
            raise ValueError(f"MEMORY={stated} is not a size such as 1GiB or 512MiB")
        return int(size[1]) * UNITS[size[2].upper()]
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_values("memory", "memory.max", "memory.limit_in_bytes")])


def cores() -> int:
    """Return how many processors this server may use, as the Java runtime counts them."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quotas = [
        math.ceil(quota / period)
        for quota, period in zip(
            _values("cpu", "cpu.max", "cpu.cfs_quota_us"),
            _values("cpu", "cpu.max", "cpu.cfs_period_us", field=1),
            strict=False,
        )
        if quota > 0
    ]
    return max(1, min([allowed or 1, *quotas]))


def _values(controller: str, v2: str, v1: str, field: int = 0) -> Iterator[int]:
    """Yield the number in a control file of this process's cgroup and of each group above it."""
    try:
        groups = OWN_GROUPS.read_text().splitlines()
    except OSError:
        return
    for group in groups:
        _, controllers, path = group.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = CGROUPS / controller if controllers else CGROUPS
        # In a container the path may be the host's, and the files lie at the root.
        folder = root / path.lstrip("/")
        for each in (folder, *folder.parents):
            if not each.is_relative_to(root):
                break
            words = _words(each / (v1 if controllers else v2))
            position = min(field, len(words) - 1)
            if words and words[position].lstrip("-").isdecimal():
                yield int(words[position])


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []
