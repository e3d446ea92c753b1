"""Compare time and memory for bodies of N and 4N bytes in each format: growth must be linear.

python -m scripts.bench.linear [--mib 1]
"""

from __future__ import annotations

import contextlib
import http.client
import tempfile
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, NamedTuple

import psutil
import typer
from tabulate import tabulate

from scripts.bench import bodies
from scripts.bench.launch import ServerProcess

MIB = 1 << 20
TIMES = 5
FACTOR = 4
HEAD = ("form", "N", "4N", "ratio", "memory N", "4N", "ratio")


class Cost(NamedTuple):
    """Time and memory for one body.

    Attributes:
        seconds: from the first byte of the request to the last of the response, the best of TIMES.
        memory: the worker's peak memory in bytes, less its memory before the first body.
    """

    seconds: float
    memory: int


def main(
    mib: Annotated[float, typer.Option(min=0.01, help="N, in MiB")] = 1,
) -> None:
    """For each format, start a server with one worker and send it bodies of both sizes."""
    rows = []
    for name, make in bodies.FORMS.items():
        small, large = _costs([make(int(mib * MIB)), make(int(mib * MIB * FACTOR))])
        rows.append(
            (
                name,
                f"{small.seconds * 1000:.0f} ms",
                f"{large.seconds * 1000:.0f} ms",
                f"{large.seconds / small.seconds:.1f}",
                f"{small.memory / MIB:.0f} MiB",
                f"{large.memory / MIB:.0f} MiB",
                f"{large.memory / max(small.memory, 1):.1f}",
            )
        )
    print(f"N = {mib:g} MiB\n")
    print(tabulate(rows, HEAD, tablefmt="github", disable_numparse=True))


def _costs(sizes: Sequence[bodies.Body]) -> list[Cost]:
    """Return the cost of each body for a new worker; pass the smallest body first."""
    one = {"TS_DEFAULT_WORKERS_PER_MODEL": "1"}
    with (
        tempfile.TemporaryDirectory() as folder,
        ServerProcess(Path(folder) / "log", environment=one) as server,
    ):
        worker = server.client.versions()[server.settings.version].workers[0].pid
        _send(server, bodies.Body(b"[1]"))
        before = psutil.Process(worker).memory_info().rss
        return [_cost(server, worker, body, before) for body in sizes]


def _cost(server: ServerProcess, worker: int, body: bodies.Body, before: int) -> Cost:
    # Writing 5 resets the peak; see proc_pid_clear_refs(5).
    Path(f"/proc/{worker}/clear_refs").write_text("5")
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        _send(server, body)
        seconds.append(time.perf_counter() - began)
    return Cost(min(seconds), _peak(worker) - before)


def _peak(pid: int) -> int:
    """Return the peak resident memory of a process in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def _send(server: ServerProcess, body: bodies.Body) -> None:
    address = http.client.HTTPConnection("127.0.0.1", server.settings.port("PORT"), timeout=600)
    with contextlib.closing(address) as connection:
        connection.request(
            "POST", f"/predictions/{server.settings.model}", body.content, dict(body.headers)
        )
        response = connection.getresponse()
        answer = response.read()
    if response.status != HTTPStatus.OK:
        raise SystemExit(f"linear: {response.status} {answer[:200]!r}")


if __name__ == "__main__":
    typer.run(main)
