"""Faults beside ordinary clients, and the tables of their effects."""

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tabulate import tabulate

from server.store.paths import ROOT
from tests.support.load import CLIENTS, Load
from tests.support.server import Server
from tests.support.wait import wait_until

MIB = 1 << 20
HEAD = ("fault", "requests", "failed", "wrong", "longest wait", "recovery", "")
# The rows of build/faults.md, and the columns of build/limits.md by the size of the memory.
ROWS: list[tuple[object, ...]] = []
LIMITS: dict[int, dict[str, str]] = {}


@dataclass
class Fault:
    """A fault that is in progress, beside ordinary clients."""

    load: Load
    began: float  # by time.monotonic
    remark: str = ""  # what the table says about it, by default the failures


@contextmanager
def fault(
    name: str,
    server: Server,
    clients: int = CLIENTS,
    *,
    failures: float = 0,
    recovery_seconds: float = math.inf,
) -> Iterator[Fault]:
    """Add a row for what happens inside the block, which ordinary clients must hardly notice.

    They never get a wrong response, at most `failures` of their requests fail, and the last of
    those within `recovery_seconds`. Unless some may fail, the processes stay the same.
    """
    wait_for_all_workers(server)
    processes = server.java_pid(), server.worker_pids()
    with Load(server.ports["PORT"], clients) as load:
        time.sleep(1)
        it = Fault(load, time.monotonic())
        yield it
        running = load.sending.is_set()
        if running:
            load.settle()
    recovery = max((f.at - it.began for f in load.failures if f.at >= it.began), default=0.0)
    counts = (load.requests, len(load.failures), len(load.wrong))
    times = (f"{max(load.durations):.1f} s", f"{recovery:.1f} s")
    remark = it.remark or counted(Counter(failure.what for failure in load.failures))
    ROWS.append((name, *counts, *times, remark))
    assert load.wrong == []
    assert len(load.failures) <= failures, load.failures
    assert recovery < recovery_seconds
    assert "OutOfMemoryError" not in server.output()
    if running:
        wait_for_all_workers(server)
        assert failures or (server.java_pid(), server.worker_pids()) == processes


def counted(outcomes: Mapping[Any, int]) -> str:
    """Return how often each outcome occurred, for a remark."""
    return ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items(), key=str))


@pytest.fixture(scope="module")
def server(
    request: pytest.FixtureRequest, store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One server for all faults of a module, so that the effects of one show in the next.

    The module's ENVIRONMENT has its variables.
    """
    environment = getattr(request.module, "ENVIRONMENT", {})
    log = tmp_path_factory.mktemp("faults") / "log"
    with Server(store, log, environment=environment) as server:
        yield server


def wait_for_all_workers(server: Server) -> None:
    """Wait until every worker has loaded its model."""
    wait_until(
        lambda: all(w["status"] == "READY" for v in server.describe() for w in v["workers"]),
        "all workers",
    )


def resident_mib(server: Server) -> int:
    """Return the resident memory of the server's processes; shared pages count for each."""
    return sum(process.memory_info().rss for process in server.processes()) // MIB


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables, and save them for docs/reliability.md."""
    sizes = sorted(LIMITS)
    forms = dict.fromkeys(form for size in sizes for form in LIMITS[size])
    cells = [[form, *(LIMITS[size].get(form, "") for size in sizes)] for form in forms]
    limits = ("memory", *(f"{size // MIB} MiB" for size in sizes))
    for name, head, rows in (("faults", HEAD, ROWS), ("limits", limits, cells)):
        if rows:
            table = tabulate(rows, head, tablefmt="github", disable_numparse=True)
            terminalreporter.section(name)
            terminalreporter.write_line(table)
            (ROOT / "build").mkdir(exist_ok=True)
            (ROOT / "build" / f"{name}.md").write_text(f"{table}\n")
