"""Measurement of one load on one contender: speed, errors, CPU time and memory."""

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
# How long the load generator may take beyond the duration of the load.
GRACE_SECONDS = 60


class Request(NamedTuple):
    """The request of a load.

    Attributes:
        url: its URL.
        body: a file with its body; None for a GET.
        headers: its headers.
    """

    url: str
    body: Path | None = None
    headers: Mapping[str, str] = JSON


def memory_mb(processes: Iterable[psutil.Process]) -> float:
    """Return the processes' memory in megabytes.

    On Linux this is the proportional set size (PSS): a page shared by n processes counts 1/n for
    each. On other systems it is the memory unique to each process (USS).
    """
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            info = process.memory_full_info()
            total += getattr(info, "pss", info.uss)
    return total / MEGABYTE


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Return the CPU time that the processes have used, in seconds."""
    total = 0.0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def measure(
    generator: Generator, target: Running, load: Load, seconds: float, folder: Path
) -> Sample:
    """Run `load` against a contender for `seconds` and return the result.

    Args:
        generator: the load generator.
        target: the contender.
        load: the load; PING sends GET /ping.
        seconds: duration.
        folder: a folder for the file with the body.
    """
    if not load.numbers:
        return measure_request(
            generator, target, Request(f"{target.base}/ping"), load.connections, seconds
        )
    body = folder / f"{load.numbers}.json"
    body.write_bytes(target.contender.format.body(range(1, load.numbers + 1)))
    return measure_request(generator, target, Request(target.url, body), load.connections, seconds)


def measure_request(
    generator: Generator, target: Running, request: Request, connections: int, seconds: float
) -> Sample:
    """Send one request repeatedly and return the result.

    Args:
        generator: the load generator.
        target: the contender.
        request: the request.
        connections: concurrent clients; each sends one request at a time.
        seconds: duration.
    """
    before = cpu_seconds(target.processes())
    process = generator.start(request.url, request.body, connections, seconds, request.headers)
    try:
        time.sleep(seconds / 2)
        # Measure memory halfway, when buffers and queues are full.
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
