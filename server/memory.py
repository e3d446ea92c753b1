"""The largest request that fits into the available memory, and Java's share of the memory.

The largest body is chosen such that FULL_SIZE_REQUESTS bodies of that size fit into Java and the
workers at once. A larger body gets 413 before it is parsed, and more such bodies at once get 503.
docs/reliability.md lists the measured limits.
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

# Memory of a server before it gets a large request: Java 180 MiB, the imports that workers share
# 60 MiB, pages of libraries in use 70 MiB, the supervisor, and a margin.
SERVER_BYTES = 400 * MIB
# Memory that each worker adds before it loads a model.
WORKER_BYTES = 24 * MIB
# No further worker is started unless it has at least this much memory for its requests.
WORKER_REQUESTS_BYTES = 64 * MIB
# Cloud Run's limit for a request.
LARGEST_REQUEST_BYTES = 32 * MIB

# The following factors are multiples of the largest body.
# Copies of a body: one while it arrives, one in Java's heap, two in the buffer from which it is
# sent to the worker (while the buffer grows), and two in the worker (the parts as received, and the
# whole).
COPIES = 6
# Memory that parsing, inference and rendering of one request may take in a worker, including its
# body. A body with an object for every few bytes takes most (handler/wire/budget.py). The factor
# covers the most expensive format, so that all formats have the same limit.
WORK = 120
# In a list with fractions `1,` becomes `2.0,`. A response beyond this factor becomes a 413.
RESPONSE = 3
# Copies of a response: two in the buffer of the worker's connection (while it grows). In Java's
# heap one, and another one in a buffer of up to twice its size.
RESPONSE_DIRECT_COPIES, RESPONSE_HEAP_COPIES = 2, 3
# Responses that wait to be sent: workers are faster than the one thread that writes them.
RESPONSES = 8
# Spare room that Java's garbage collector needs to move live objects.
HEAP_MARGIN = 1.3
# Java's base load: objects of its classes, and the arenas from which buffers are allocated.
HEAP_BYTES, DIRECT_BYTES = 48 * MIB, 24 * MIB


class Limits(NamedTuple):
    """The limits of a server, derived from its memory.

    Attributes:
        workers: workers of each model.
        request: largest request body, in bytes.
        response: largest response body, in bytes.
        request_memory: bytes that parsing, inference and rendering of one request may take in a
            worker.
        heap: bytes of Java's heap.
        direct: bytes of Java's buffers outside the heap.
        unfinished: bytes that requests which have not arrived completely and responses which have
            not been read may take together.
        queued: bytes that the requests in the queue of one version may take together.
    """

    workers: int
    request: int
    response: int
    request_memory: int
    heap: int
    direct: int
    unfinished: int
    queued: int

    def variables(self) -> dict[str, str]:
        """Return the environment variables that config.properties and the handler read."""
        # With as many workers as cores, the number is left to TorchServe, which counts GPUs if any.
        fewer = self.workers != cores()
        return {
            **({"TS_DEFAULT_WORKERS_PER_MODEL": str(self.workers)} if fewer else {}),
            "MAX_REQUEST_BYTES": str(self.request),
            "MAX_RESPONSE_BYTES": str(self.response),
            "REQUEST_MEMORY_BYTES": str(self.request_memory),
            "JAVA_HEAP_BYTES": str(self.heap),
            "JAVA_DIRECT_BYTES": str(self.direct),
            "JAVA_UNFINISHED_BYTES": str(self.unfinished),
            "JAVA_QUEUED_BYTES": str(self.queued),
        }


def limits(
    memory: int, *, workers: int | None = None, models: Sequence[int] = (0,), at_once: int = 32
) -> Limits:
    """Return the limits of a server.

    Args:
        memory: available bytes.
        workers: workers of each model; by default one per core, as far as the memory allows.
        models: size of each model in bytes; each of its workers holds a copy.
        at_once: how many requests of the largest size must fit at once.

    Raises:
        ValueError: the memory is too small for the models.
    """
    # TorchServe unpacks each archive into the temporary folder, which may be a tmpfs.
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
    # Bodies that have not arrived completely, and responses that clients have not read.
    unfinished = at_once + responses * RESPONSE
    direct = 2 * at_once + busy * RESPONSE_DIRECT_COPIES * RESPONSE + unfinished
    bodies = at_once * (COPIES - 4) + busy * WORK
    request = min(LARGEST_REQUEST_BYTES, int(free / (heap + direct + bodies)))
    return Limits(
        workers,
        request,
        request * RESPONSE,
        request * WORK,
        HEAP_BYTES + int(request * heap),
        DIRECT_BYTES + request * direct,
        request * unfinished,
        request * at_once,
    )


def at_hand(environment: Mapping[str, str] = os.environ) -> int:
    """Return the bytes that this server may use.

    That is MEMORY if it is set, otherwise the smaller of the cgroup's limit and the machine's
    memory.

    Raises:
        ValueError: MEMORY is not a size.
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
    """Return the number of cores that this server may use, as the Java runtime counts them."""
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
    """Yield the number in a control file of this process's cgroup and of each parent group."""
    try:
        groups = OWN_GROUPS.read_text().splitlines()
    except OSError:
        return
    for group in groups:
        _, controllers, path = group.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = CGROUPS / controller if controllers else CGROUPS
        # In a container this may be a path on the host; then the files are at the root.
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
