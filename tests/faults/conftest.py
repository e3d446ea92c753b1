"""Servers for fault injection, and the tables of the results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from server import memory
from server.store.paths import ROOT
from tests.support.load import Load
from tests.support.server import Server
from tests.support.wait import wait_until

FAULTS, LARGEST = ROOT / "build" / "faults.md", ROOT / "build" / "limits.md"
MIB = 1 << 20
HEAD = ("fault", "requests", "failed", "wrong", "longest wait", "recovery", "")


class Limits:
    """A table of the largest bodies: a row for each format, a column for each memory size."""

    def __init__(self) -> None:
        self.columns: dict[int, dict[str, str]] = {}

    def add(self, limits: memory.Limits, size: int, form: str, largest: int, peak: int) -> None:
        """Add the largest body of a format at `size` bytes of memory, and the peak memory."""
        column = self.columns.setdefault(
            size,
            {
                "workers": str(limits.workers),
                "Java's heap, MiB": str(limits.heap // MIB),
                "Java's buffers, MiB": str(limits.direct // MIB),
                "largest response, MiB": f"{limits.response / MIB:.1f}",
                "largest request, MiB": f"{limits.request / MIB:.1f}",
            },
        )
        column["most memory used, MiB"] = str(peak // MIB)
        column[form] = f"{largest / MIB:.2g}" if largest < MIB else f"{largest / MIB:.1f}"

    def lines(self) -> list[str]:
        """Return the table's lines."""
        sizes = sorted(self.columns)
        rows = list(dict.fromkeys(row for size in sizes for row in self.columns[size]))
        cells = [[row, *(self.columns[size].get(row, "") for size in sizes)] for row in rows]
        return aligned(["memory", *(f"{size // MIB} MiB" for size in sizes)], cells)


class Row(NamedTuple):
    """A fault and its effect."""

    fault: str
    requests: int
    failed: int
    wrong: int
    longest: str
    recovery: str
    remark: str


ROWS: list[Row] = []
LIMITS = Limits()
Report = Callable[..., None]


@pytest.fixture
def report() -> Report:
    """Return a function that adds a fault to the table and fails on wrong responses."""

    def add(fault: str, load: Load, since: float | None = None, remark: str = "") -> None:
        recovery = "" if since is None else f"{load.recovery(since):.1f} s"
        row = (fault, load.requests, len(load.failures), len(load.wrong))
        ROWS.append(Row(*row, f"{load.longest:.1f} s", recovery, remark or load.kinds()))
        assert load.wrong == []

    return add


@pytest.fixture
def table() -> list[Row]:
    """Return the table's rows, for faults whose figures a test counts itself."""
    return ROWS


@pytest.fixture
def serve(store: Path, tmp_path: Path) -> Callable[..., Any]:
    """Return a context manager that runs a server with the given environment variables."""

    @contextmanager
    def running(log: Path | None = None, **environment: str) -> Iterator[Server]:
        with Server(store, log or tmp_path / "log", environment=environment) as server:
            wait_for_all_workers(server)
            yield server

    return running


def wait_for_all_workers(server: Server) -> None:
    """Wait until every worker has loaded the model."""

    def ready() -> bool:
        return all(w["status"] == "READY" for v in server.describe() for w in v["workers"])

    wait_until(ready, "all workers")


def resident(server: Server) -> int:
    """Return the resident bytes of the server's processes; shared pages count for each."""
    return sum(process.memory_info().rss for process in server.processes())


@pytest.fixture
def limits_table() -> Limits:
    """Return the table of the largest bodies."""
    return LIMITS


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a Markdown table's lines, its columns aligned."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (head, *rows)
    ]
    return [lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables, and save them for docs/reliability.md."""
    faults = aligned(HEAD, [[str(cell) for cell in row] for row in ROWS])
    for rows, title, lines in ((ROWS, FAULTS, faults), (LIMITS.columns, LARGEST, LIMITS.lines())):
        if rows:
            terminalreporter.section(title.stem)
            for line in lines:
                terminalreporter.write_line(line)
            title.parent.mkdir(exist_ok=True)
            title.write_text("\n".join(lines) + "\n")
