"""One load on one running contender: speed, errors, processor time and memory."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

from scripts.bench.generator import JSON, Generator
from scripts.bench.loads import Load
from scripts.bench.process import Running
from scripts.bench.results import Sample

MEGABYTE = 1e6
# Seconds beyond the load's own after which the load generator is given up.
GRACE_SECONDS = 60


class Request(NamedTuple):
    """What a load sends.

    Attributes:
        url: where to.
        body: the file that holds the body; None for a GET.
        headers: its headers.
    """

    url: str
    body: Path | None = None
    headers: Mapping[str, str] = JSON


def memory_mb(processes: Iterable[psutil.Process]) -> float:
    """Return the processes' memory in megabytes.

    On Linux that is the proportional set size (PSS): a page that n processes share counts 1/n for
    each. Elsewhere it is what each process has alone (USS).
    """
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            info = process.memory_full_info()
            total += getattr(info, "pss", info.uss)
    return total / MEGABYTE


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Return the processor time that the processes have taken, in seconds."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def measure(
    generator: Generator, target: Running, load: Load, seconds: float, folder: Path
) -> Sample:
    """Put `load` on a contender for `seconds` and return what came of it.

    Args:
        generator: the load generator.
        target: the contender.
        load: what to send. For PING it is GET /ping.
        seconds: how long.
        folder: where the body may be written to.
    """
    if not load.numbers:
        return measure_request(
            generator, target, Request(f"{target.base}/ping"), load.connections, seconds
        )
    body = folder / f"{load.numbers}.json"
    body.write_bytes(target.contender.form.body(range(1, load.numbers + 1)))
    return measure_request(generator, target, Request(target.url, body), load.connections, seconds)


def measure_request(
    generator: Generator, target: Running, request: Request, connections: int, seconds: float
) -> Sample:
    """Send one request over and over and return what came of it.

    Args:
        generator: the load generator.
        target: the contender.
        request: what to send.
        connections: clients, each of which waits for its answer before it sends again.
        seconds: how long.
    """
    before = cpu_seconds(target.processes())
    process = generator.start(request.url, request.body, connections, seconds, request.headers)
    try:
        time.sleep(seconds / 2)
        # In the middle: buffers and queues are as full as they get.
        loaded = memory_mb(target.processes(without=process.pid))
        outcome = generator.finish(process, seconds + GRACE_SECONDS)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    cpu = cpu_seconds(target.processes()) - before
    return Sample(
        per_second=outcome.per_second,
        errors=outcome.errors / max(1, outcome.answered + outcome.errors),
        p50_ms=outcome.p50_ms,
        p99_ms=outcome.p99_ms,
        cpu_ms=1e3 * cpu / max(1, outcome.answered),
        memory_mb=loaded,
    )
