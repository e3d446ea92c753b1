"""A benchmark run: in each round, every contender is measured in turn, alone."""

import contextlib
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import grpc
import psutil

from scripts.bench import generator, process
from scripts.bench.lineup import Contender, Failed
from scripts.bench.process import Running
from scripts.bench.results import Results, Sample, Turn
from scripts.bench.workloads import Load
from server.store.paths import ROOT

MEGABYTE = 1e6
# Before it is measured, each load is put on the server for this many times its duration, because
# just-in-time compilers and pools need some requests, of the same kind and from as many clients.
WARM_UP_ROUNDS = 2
# An additional warm-up before the first load, when just-in-time compilers have most to do: without
# it, this load's p99 would be the time that requests wait for the compiler.
FIRST_WARM_UP_SECONDS = 6.0
# Idle time before memory at rest is measured: a second worker may still be loading.
REST_SECONDS = 2.0


def measure(
    contenders: Sequence[Contender], rounds: int, seconds: float, folder: Path, file: Path
) -> Results:
    """Put each load of its workload on each contender that has the request.

    Args:
        contenders: the contenders.
        rounds: the number of rounds.
        seconds: the duration of each load.
        folder: a folder for logs.
        file: a file for the results, written after each round.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results = Results(describe(rounds, seconds))
    logs = {
        it.name: folder / f"{re.sub(r'[^a-z0-9]+', '-', it.name.lower())}.log" for it in contenders
    }
    ready = []
    for contender in contenders:
        try:
            _try(contender, logs[contender.name])
            ready.append(contender)
        except Failed as error:
            results.missing[contender.name] = str(error)
            print(f"{contender.name} is left out: {error}", flush=True)
    for number in range(rounds):
        turns: dict[str, Turn] = {}
        # Rotate, so that no contender is always first.
        shift = number * len(ready) // rounds
        for contender in [*ready[shift:], *ready[:shift]]:
            where = f"round {number + 1}: {contender.name}"
            try:
                turn = turns[contender.name] = _turn(contender, seconds, logs[contender.name])
            except (Failed, grpc.RpcError) as error:
                print(f"{where} has no turn: {error}", flush=True)
                continue
            key, first = next(iter(turn.samples.items()))
            print(f"{where}, {first.per_second:.0f} requests/s ({key})", flush=True)
        results.rounds.append(turns)
        results.save(file)
    return results


def _try(contender: Contender, log: Path) -> None:
    """Install, build and start a contender once, so that its files are in the page cache."""
    begin = time.monotonic()
    process.build(contender)
    with process.running(contender, log) as target:
        target.check()
    print(f"{contender.name} responds correctly ({time.monotonic() - begin:.0f} s)", flush=True)


def _turn(contender: Contender, seconds: float, log: Path) -> Turn:
    with process.running(contender, log) as target:
        time.sleep(REST_SECONDS)
        rest = memory_mb(target.processes())
        target.check()
        own = [load for load in contender.workload.loads if load.request in target.requests]
        samples = {}
        sample(target, own[0], FIRST_WARM_UP_SECONDS)
        for load in own:
            sample(target, load, WARM_UP_ROUNDS * seconds)
            samples[load.key] = sample(target, load, seconds)
        return Turn(target.start_seconds, rest, samples)


def sample(target: Running, load: Load, seconds: float) -> Sample:
    """Put a load on a contender for a number of seconds and return the result."""
    request = target.requests[load.request]
    before = cpu_seconds(target.processes())
    with generator.running(target.url(request), request, load.connections, seconds) as running:
        time.sleep(seconds / 2)
        # Measure memory halfway, when buffers and queues are full.
        loaded = memory_mb(target.processes(without=running.process.pid))
        outcome = running.finish()
    cpu = cpu_seconds(target.processes()) - before
    return Sample(
        per_second=outcome.per_second,
        errors=outcome.errors / max(1, outcome.answered + outcome.errors),
        p50_ms=outcome.p50_ms,
        p99_ms=outcome.p99_ms,
        cpu_ms=1e3 * cpu / max(1, outcome.answered),
        memory_mb=loaded,
    )


def describe(rounds: int, seconds: float) -> dict[str, str]:
    """Return the conditions that the figures depend on, by title."""
    cpuinfo = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.+)", cpuinfo.read_text() if cpuinfo.exists() else "")
    command = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return {
        "machine": f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, "
        f"{platform.system()}",
        "python": platform.python_version(),
        "load generators": f"{generator.versions()}, on the same machine",
        "rounds": f"{rounds} of {seconds:g} s for each load",
        "commit": commit.stdout.strip() or "unknown",
        "date": datetime.now(tz=UTC).date().isoformat(),
    }


def memory_mb(processes: Iterable[psutil.Process]) -> float:
    """Return the processes' memory in megabytes.

    On Linux this is the proportional set size (PSS): a page shared by n processes counts 1/n for
    each. On other systems it is the memory unique to each process (USS).
    """
    total = 0
    for child in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            info = child.memory_full_info()
            total += getattr(info, "pss", info.uss)
    return total / MEGABYTE


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """Return the CPU time that the processes have used, in seconds."""
    total = 0.0
    for child in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += sum(child.cpu_times()[:2])
    return total
