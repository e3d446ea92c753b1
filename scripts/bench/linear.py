"""Compare time and memory for bodies of N and 4N bytes in each format: growth must be linear."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import psutil
import requests
import typer

from scripts.bench import bodies, lineup, process, report
from scripts.bench.workloads import Request

MIB = 1 << 20
TIMES = 5
FACTOR = 4
ANSWER_SECONDS = 600
HEAD = ("form", "N", "4N", "ratio", "memory N", "4N", "ratio")


def main(
    mib: Annotated[float, typer.Option(min=0.01, help="N, in MiB")] = 1,
) -> None:
    """For each format, start a server with one worker and send it bodies of both sizes."""
    server = lineup.named(lineup.SELF)
    one = {"TS_DEFAULT_WORKERS_PER_MODEL": "1"}
    server = replace(server, variables={**server.variables, **one})
    process.build(server)
    rows = []
    for name, make in bodies.FORMS.items():
        sizes = [make(int(mib * MIB * factor)) for factor in (1, FACTOR)]
        (seconds, memory), (longer, more) = _costs(server, sizes)
        times = f"{seconds * 1000:.0f} ms", f"{longer * 1000:.0f} ms", f"{longer / seconds:.1f}"
        peaks = f"{memory / MIB:.0f} MiB", f"{more / MIB:.0f} MiB", f"{more / max(memory, 1):.1f}"
        rows.append((name, *times, *peaks))
    print(f"N = {mib:g} MiB\n")
    print(report.table(HEAD, rows))


def _costs(server: lineup.Contender, sizes: Sequence[bodies.Body]) -> list[tuple[float, int]]:
    """Return the seconds and bytes that each body takes in a new worker; the smallest comes first.

    The seconds are from the first byte of the request to the last of the response, the best of
    TIMES; the bytes are the worker's peak memory less its memory before the first body.
    """
    with process.running(server, Path(os.devnull)) as target:
        url = f"http://127.0.0.1:{target.ports['MANAGEMENT_PORT']}/models/doubleit"
        pid = requests.get(url, timeout=ANSWER_SECONDS).json()[0]["workers"][0]["pid"]
        before = psutil.Process(pid).memory_info().rss
        return [_cost(target, pid, body, before) for body in sizes]


def _cost(target: process.Running, pid: int, body: bodies.Body, before: int) -> tuple[float, int]:
    # Writing 5 resets the peak; see proc_pid_clear_refs(5).
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    request = Request("/predictions/doubleit", body.content, lambda _: "", body.headers)
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        mistake = target.send(request, ANSWER_SECONDS)
        seconds.append(time.perf_counter() - began)
        if mistake:
            raise SystemExit(f"linear: {mistake}")
    peak = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]
    return min(seconds), (int(peak) << 10) - before


if __name__ == "__main__":
    typer.run(main)
