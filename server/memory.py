"""Java's and the workers' share of the memory, and the largest request that fits.

The largest body is the one that fits into Java and a worker when it is the only one. Smaller ones
share the same memory, as far as they fit together; further ones wait before they are read
(server/torchserve/classes/Budget.java). docs/reliability.md lists the measured limits.
"""

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

# Memory of a server before it gets a large request: Java 130 MiB, the imports that workers share
# 60 MiB, pages of libraries in use 70 MiB, the supervisor, and a margin.
SERVER_BYTES = 365 * MIB
# Memory that each worker adds before it loads a model.
WORKER_BYTES = 24 * MIB
# No further worker is started unless it has at least this much memory for its requests.
WORKER_REQUESTS_BYTES = 64 * MIB
# Cloud Run's limit for a request.
LARGEST_REQUEST_BYTES = 32 * MIB

# Memory that a body may take in a worker, including its response, for each of its bytes: a list of
# numbers, JSON whose structure may take an object for every few bytes, and binary tensors. The same
# numbers as in handler/wire/limits.py; a test compares them.
JSON, OBJECTS, BINARY = 12, 52, 6
# A batch has one request, or small ones with together at most so many bytes (JobQueue.java).
BATCH_BYTES = 512 << 10
# Small requests have a share of their own, so that they do not wait for large ones: bodies of less
# than 64 KiB, and incomplete headers.
SMALL_BYTES, SMALLEST_SHARE_BYTES = 4 * MIB, 2 * MIB
# In a list with fractions `1,` becomes `2.0,`. Where the memory allows it, a response may be that
# many times as large as the largest body.
RESPONSE = 3
# Responses of the largest size in Java's heap; further ones wait outside it (Response.java).
HEAP_RESPONSES = 2
# Outside the heap: bodies that arrive. The buffers through which a worker gets a request and sends
# its response are up to twice as large while they grow. They do not count in addition, because
# the worker does not need its memory at that time.
DIRECT_COPIES, WORKER_DIRECT_COPIES = 1, 2
# Spare room that Java's garbage collector needs to move live objects.
HEAP_MARGIN = 1.3
# Java's base load: objects of its classes, and the arenas from which buffers are allocated. The
# arenas consist of chunks of 4 MiB, several for each thread, and parts of bodies that wait keep
# chunks from being freed.
HEAP_BYTES, DIRECT_BYTES = 48 * MIB, 64 * MIB


class Limits(NamedTuple):
    """The limits of a server, derived from its memory.

    Attributes:
        workers: workers of each model.
        request: largest request body, in bytes.
        response: largest response body, in bytes. Java holds so many bytes of large bodies in all.
        work: bytes that all requests in workers may take together, and that a request may take.
        small: bytes of small bodies in Java, and of incomplete headers.
        heap: bytes of Java's heap.
        direct: bytes of Java's buffers outside the heap.
    """

    workers: int
    request: int
    response: int
    work: int
    small: int
    heap: int
    direct: int

    def variables(self) -> dict[str, str]:
        """Return the environment variables that config.properties and the handler read."""
        # With as many workers as cores, the number is left to TorchServe, which counts GPUs if any.
        fewer = self.workers != cores()
        return {
            **({"TS_DEFAULT_WORKERS_PER_MODEL": str(self.workers)} if fewer else {}),
            "MAX_REQUEST_BYTES": str(self.request),
            "MAX_RESPONSE_BYTES": str(self.response),
            "REQUEST_MEMORY_BYTES": str(self.work),
            "JAVA_HEAP_BYTES": str(self.heap),
            "JAVA_DIRECT_BYTES": str(self.direct),
            "SMALL_REQUESTS_BYTES": str(self.small),
            "COST_JSON": str(JSON),
            "COST_OBJECTS": str(OBJECTS),
            "COST_BINARY": str(BINARY),
        }


def limits(
    memory: int,
    *,
    workers: int | None = None,
    models: Sequence[int] = (0,),
    recorded: Sequence[int | None] = (None,),
) -> Limits:
    """Return the limits of a server.

    Args:
        memory: available bytes.
        workers: workers of each model; by default one per core, as far as the memory allows.
        models: size of each version of each model in bytes; each of its workers holds a copy.
        recorded: recorded number of workers of each of `models`, or None for `workers`.

    Raises:
        ValueError: the memory is too small for the models.
    """
    # TorchServe unpacks each archive into the temporary folder, which may be a tmpfs.
    free = memory - SERVER_BYTES - sum(models)
    each = stated = 0
    for size, number in zip(models, recorded, strict=True):
        if number is None:
            each += WORKER_BYTES + size
        else:
            stated += number
            free -= number * (WORKER_BYTES + size)
    if workers is None:
        workers = max(1, min(cores(), free // (each + WORKER_REQUESTS_BYTES)))
    free -= workers * each
    busy = workers * list(recorded).count(None) + stated
    small = min(SMALL_BYTES, max(SMALLEST_SHARE_BYTES, free // 32))
    # Small bodies and headers in the heap, small bodies outside it, and batches in the workers.
    free -= int(small * (2 * HEAP_MARGIN + 1)) + busy * BATCH_BYTES * OBJECTS
    if free < SMALLEST_SHARE_BYTES:
        needed = f"{busy} recorded workers" if stated else f"{workers} workers of each model"
        raise ValueError(
            f"{memory // MIB} MiB do not hold {needed}: set MEMORY or TS_DEFAULT_WORKERS_PER_MODEL"
        )
    # The heap also holds the bodies.
    copies = 1 + HEAP_RESPONSES
    java = copies * HEAP_MARGIN + DIRECT_COPIES
    request = min(LARGEST_REQUEST_BYTES, int(free / (java + JSON)))
    # What the largest list of numbers leaves over, but most of the memory serves to process several
    # requests at once.
    spare = min(int((free - request * JSON) / java), free // 20)
    response = max(request, min(request * RESPONSE, spare))
    return Limits(
        workers,
        request,
        response,
        int(free - response * java),
        small,
        HEAP_BYTES + int((response * copies + 2 * small) * HEAP_MARGIN),
        DIRECT_BYTES + small + response * (DIRECT_COPIES + 2 * WORKER_DIRECT_COPIES),
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
