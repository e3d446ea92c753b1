"""Measure the largest lists that servers answer in a control group with a GiB of memory.

python -m scripts.bench.sizes [--write]; needs root
"""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from scripts.bench import lineup, process, report
from scripts.bench.cgroup import Group
from scripts.bench.environments import NotInstallable
from scripts.bench.lineup import Contender
from scripts.bench.process import Failed, send
from scripts.bench.workloads import LENGTHS, LISTS, SHORT, Request
from server.store.paths import ROOT

MIB = 1 << 20
MEMORY_BYTES = 1024 * MIB
SIZES_MIB = (1, 2, 4, 8, 16, 24, 31.9)
AT_ONCE = (1, 4)
NAMES = (lineup.SELF, lineup.BASELINE, "LitServe", "MLServer")
ANSWER_SECONDS = 120
PAGE, COMMAND = ROOT / "docs" / "performance.md", "make sizes WRITE=1"
SHORT_LIST = str(list(range(1, LENGTHS[SHORT] + 1))).encode()
SHORT_SHAPE = str([1, LENGTHS[SHORT]]).encode()


class Outcome(NamedTuple):
    """What became of the requests.

    Attributes:
        answered: the largest size that was answered, in MiB; 0 for none.
        end: what happened to the next one.
    """

    answered: float
    end: str

    def __str__(self) -> str:
        """Return the cell of the table."""
        return f"{self.answered:g}" + (f", then {self.end}" if self.end else "")


def main(
    write: Annotated[bool, typer.Option(help="also write the table to docs/")] = False,
) -> None:
    """Measure the largest lists that servers answer in a control group with a GiB of memory."""
    LISTS.build()
    lines = ["| server | one, MiB | four at once, MiB each |", "|---|---|---|"]
    for name in NAMES:
        try:
            cells = [str(largest(lineup.named(name), count)) for count in AT_ONCE]
        except (Failed, NotInstallable) as error:
            cells = [str(error)] * len(AT_ONCE)
        lines.append(f"| {' | '.join((name, *cells))} |")
        print(lines[-1], flush=True)
    if write:
        report.write_between_markers(PAGE, "\n".join(lines), COMMAND)


def largest(contender: Contender, count: int) -> Outcome:
    """Send lists of growing sizes, `count` at once, until one of them is not answered."""
    process.build(contender)
    group = Group(f"sizes-{os.getpid()}", MEMORY_BYTES)
    try:
        with contextlib.ExitStack() as stack, ThreadPoolExecutor(count) as pool:
            with group.entered():
                server = stack.enter_context(process.running(contender, Path(os.devnull)))
            request = server.requests[SHORT]
            answered = 0.0
            for size in SIZES_MIB:
                larger = enlarged(request, int(size * MIB))
                sent = [
                    pool.submit(send, server.url(larger), larger, ANSWER_SECONDS)
                    for _ in range(count)
                ]
                wrong = [each.result() for each in sent if each.result()]
                if wrong:
                    killed = "a process is killed" if group.killed() else ""
                    return Outcome(answered, killed or wrong[0][:40])
                answered = size
            return Outcome(answered, "")
    finally:
        group.remove()


def enlarged(request: Request, size: int) -> Request:
    """Return the same request with a list of `size` bytes."""
    count = size // len(b"1,")
    numbers = b"[%b1]" % (b"1," * (count - 1))
    body = request.body.replace(SHORT_SHAPE, b"[1, %d]" % count)
    return request._replace(body=body.replace(SHORT_LIST, numbers), mistake=lambda _: "")


if __name__ == "__main__":
    typer.run(main)
