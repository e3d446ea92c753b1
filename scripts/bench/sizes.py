"""Measure the largest lists that servers answer in a control group with a GiB of memory."""

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from scripts.bench import lineup, process, report
from scripts.bench.cgroup import Group
from scripts.bench.lineup import Contender, Failed
from scripts.bench.workloads import LISTS, LONE, SHORT, Example, Request
from server.store.paths import ROOT

MIB = 1 << 20
MEMORY_BYTES = 1024 * MIB
SIZES_MIB = (1, 2, 4, 8, 16, 24, 31.9)
AT_ONCE = (1, 4)
NAMES = (lineup.SELF, lineup.BASELINE, "LitServe", "MLServer")
ANSWER_SECONDS = 120
PAGE, COMMAND = ROOT / "docs" / "performance.md", "make sizes WRITE=1"


def main(
    write: Annotated[bool, typer.Option(help="also write the table to docs/")] = False,
) -> None:
    """Measure the largest lists that servers answer in a control group with a GiB of memory."""
    LISTS.build()
    lines = ["| server | one, MiB | four at once, MiB each |", "|---|---|---|"]
    for name in NAMES:
        try:
            cells = [largest(lineup.named(name), count) for count in AT_ONCE]
        except Failed as error:
            cells = [str(error)] * len(AT_ONCE)
        lines.append(f"| {' | '.join((name, *cells))} |")
        print(lines[-1], flush=True)
    if write:
        report.write_between_markers(PAGE, "\n".join(lines), COMMAND)


def largest(contender: Contender, count: int) -> str:
    """Send lists of growing sizes, `count` at once, until one of them is not answered.

    Return the largest size that was answered, in MiB, and what happened to the next one.
    """
    process.build(contender)
    with (
        Group(f"sizes-{os.getpid()}", MEMORY_BYTES) as group,
        ThreadPoolExecutor(count) as pool,
        contextlib.ExitStack() as stack,
    ):
        with group.entered():
            server = stack.enter_context(process.running(contender, Path(os.devnull)))
        answered = 0.0
        for size in SIZES_MIB:
            request = sized(contender, int(size * MIB))
            answers = [*pool.map(server.send, [request] * count, [ANSWER_SECONDS] * count)]
            if mistake := next(filter(None, answers), ""):
                end = "a process is killed" if group.killed() else mistake[:40]
                return f"{answered:g}, then {end}"
            answered = size
        return f"{answered:g}"


def sized(contender: Contender, size: int) -> Request:
    """Return the contender's request with a list of ones with about `size` bytes."""
    ones = np.ones(size // len(b"1,"), int)
    workload = LISTS._replace(
        examples=lambda: {SHORT: Example("numbers", ones, 2 * ones)}, loads=[LONE]
    )
    (request,) = replace(contender, workload=workload).requests().values()
    # Reading the responses of this size takes this program longer than the server.
    return request._replace(body=request.body.replace(b", ", b","), mistake=lambda _: "")


if __name__ == "__main__":
    typer.run(main)
