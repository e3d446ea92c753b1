"""Servers to break, and the table of what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from scripts.store.paths import ROOT
from tests.faults.load import Load
from tests.support.server import Server

TABLE = ROOT / "build" / "faults.md"
HEAD = ("fault", "requests", "failed", "wrong", "recovery", "")


class Row(NamedTuple):
    """A fault and what it cost."""

    fault: str
    requests: int
    failed: int
    wrong: int
    recovery: str
    remark: str


ROWS: list[Row] = []
Report = Callable[..., None]


@pytest.fixture
def report() -> Report:
    """Return a function that puts a fault's load into the table and lets no wrong answer pass."""

    def add(fault: str, load: Load, since: float | None = None, remark: str = "") -> None:
        recovery = "" if since is None else f"{load.recovery(since):.1f} s"
        row = (fault, load.requests, len(load.failures), len(load.wrong), recovery)
        ROWS.append(Row(*row, remark or load.kinds()))
        assert load.wrong == []

    return add


@pytest.fixture
def table() -> list[Row]:
    """Return the table's rows, for faults whose figures are counted otherwise."""
    return ROWS


@pytest.fixture
def serve(store: Path, tmp_path: Path) -> Callable[..., Any]:
    """Return a context manager that serves with some variables set."""

    @contextmanager
    def running(log: Path | None = None, **environment: str) -> Iterator[Server]:
        with Server(store, log or tmp_path / "log", environment=environment) as server:
            wait_for_all_workers(server)
            yield server

    return running


def wait_for_all_workers(server: Server, seconds: float = 60) -> None:
    """Wait until every worker has loaded the model."""
    deadline = time.monotonic() + seconds
    while any(w["status"] != "READY" for v in server.describe() for w in v["workers"]):
        assert time.monotonic() < deadline, server.output()
        time.sleep(0.1)


def memory(server: Server) -> int:
    """Return the bytes that the server's processes have; what they share counts for each."""
    return sum(process.memory_info().rss for process in server.processes())


def markdown() -> list[str]:
    """Return the table's lines."""
    rows = [HEAD, *([str(cell) for cell in row] for row in ROWS)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, and keep it for docs/reliability.md."""
    if ROWS:
        terminalreporter.section("faults")
        for line in markdown():
            terminalreporter.write_line(line)
        TABLE.parent.mkdir(exist_ok=True)
        TABLE.write_text("\n".join(markdown()) + "\n")
