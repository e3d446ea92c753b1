"""Print what a body of N bytes costs in each form beside one of 4N: time and memory grow alike.

python -m scripts.bench.linear [--mib 1]
"""

from __future__ import annotations

import contextlib
import http.client
import statistics
import tempfile
import time
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, NamedTuple

import psutil
import typer

from scripts.bench import bodies, report
from scripts.server.launch import ServerProcess

MIB = 1 << 20
TIMES = 5
FACTOR = 4
HEAD = ("form", "N", "4N", "ratio", "memory N", "4N", "ratio")


class Cost(NamedTuple):
    """What one body cost.

    Attributes:
        seconds: from the request's first byte to the answer's last, the median of TIMES.
        memory: bytes that the worker had at most beyond what it had before.
    """

    seconds: float
    memory: int


def main(
    mib: Annotated[float, typer.Option(min=0.01, help="N, in MiB")] = 1,
) -> None:
    """Serve doubleit with one worker and send it bodies."""
    with tempfile.TemporaryDirectory() as folder:
        one = {"TS_DEFAULT_WORKERS_PER_MODEL": "1"}
        with ServerProcess(Path(folder) / "log", environment=one) as server:
            rows = []
            for name, make in bodies.FORMS.items():
                small = _cost(server, make(int(mib * MIB)))
                large = _cost(server, make(int(mib * MIB * FACTOR)))
                rows.append(
                    (
                        name,
                        f"{small.seconds * 1000:.0f} ms",
                        f"{large.seconds * 1000:.0f} ms",
                        f"{large.seconds / small.seconds:.1f}",
                        f"{small.memory / MIB:.0f} MiB",
                        f"{large.memory / MIB:.0f} MiB",
                        f"{large.memory / max(small.memory, MIB):.1f}",
                    )
                )
    print(f"N = {mib:g} MiB")
    print(report.table(HEAD, rows))


def _cost(server: ServerProcess, body: bodies.Body) -> Cost:
    pid = server.client.versions()[server.settings.version].workers[0].pid
    _send(server, body)
    seconds, memory = [], []
    for _ in range(TIMES):
        # Writing 5 resets the peak, proc_pid_clear_refs(5).
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        before = psutil.Process(pid).memory_info().rss
        began = time.perf_counter()
        _send(server, body)
        seconds.append(time.perf_counter() - began)
        memory.append(_peak(pid) - before)
    return Cost(statistics.median(seconds), max(memory))


def _peak(pid: int) -> int:
    """Return the most bytes that a process has had in memory."""
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
