"""A contender's processes: start, wait for the first response, stop."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from scripts.bench.lineup import MODEL, Contender
from server.client import Response, Unreachable, send
from server.ports import free_ports
from server.settings import PORTS

# Time limit for a contender's start.
START_SECONDS = 90.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.01
# Option of prctl(2): orphaned descendants become children of this process, so daemons are found.
PR_SET_CHILD_SUBREAPER = 36


class Failed(Exception):  # noqa: N818 (a result of the benchmark, not its failure)
    """The contender cannot be measured; the message says why in one line."""


@dataclass
class Running:
    """A contender that responds.

    Attributes:
        contender: the contender.
        base: its URL, without a path.
        start_seconds: from the start of its process to its first correct response.
        others: ids of this process's other children.
    """

    contender: Contender
    base: str
    start_seconds: float
    others: frozenset[int]

    @property
    def url(self) -> str:
        """The URL of predictions."""
        return self.base + self.contender.path

    def processes(self, *, without: int = 0) -> list[psutil.Process]:
        """Return the contender's processes, daemons included, except the one with id `without`."""
        return _children({*self.others, without})

    def check(self, count: int) -> None:
        """Check the response to `count` numbers.

        Raises:
            Failed: it is wrong.
        """
        numbers = range(1, count + 1)
        status, answer = post(self.url, self.contender.format.body(numbers), timeout=30)
        if status != 200:  # noqa: PLR2004 (HTTP's OK)
            raise Failed(f"{count} numbers: status {status}, {answer[:300]!r}")
        if mistake := self.contender.format.mistake(numbers, answer):
            raise Failed(mistake)


def post(url: str, body: bytes, timeout: float) -> Response:
    """Send a JSON body and return the response; status 0 and the reason if there is none."""
    try:
        return send("POST", url, timeout, body)
    except Unreachable as error:
        return Response(0, str(error).encode())


def _adopt_orphans(yes: bool) -> None:
    """Set whether processes whose parent ends, such as daemons, become children of this one."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(yes))


def _children(others: Collection[int] = ()) -> list[psutil.Process]:
    return [p for p in psutil.Process().children(recursive=True) if p.pid not in others]


@contextmanager
def running(contender: Contender, log: Path) -> Iterator[Running]:
    """Start a contender on free ports and wait for its first correct response; stop it at the end.

    Args:
        contender: the contender.
        log: a file for its output.

    Raises:
        Failed: it ends, or does not respond correctly within START_SECONDS.
    """
    ports = free_ports()
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as temp:
        names = {**contender.names(), **ports}
        others = frozenset(p.pid for p in _children())
        _adopt_orphans(True)
        process, begin = _start(contender, names, Path(temp), log)
        try:
            base = f"http://127.0.0.1:{ports['PORT']}"
            seconds = _first_response(contender, base, process, begin, log)
            yield Running(contender, base, seconds, others)
        finally:
            _stop(process, others)
            _adopt_orphans(False)


def build(contender: Contender) -> None:
    """Run the contender's `build` command.

    Raises:
        Failed: the command fails.
    """
    names = contender.names()
    Path(names["work"]).mkdir(parents=True, exist_ok=True)
    if contender.build:
        command = [part.format_map(names) for part in contender.build]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"{command[0]} failed: {_last_line(done.stderr)}")


def _start(
    contender: Contender, names: dict[str, str], temp: Path, log: Path
) -> tuple[subprocess.Popen[bytes], float]:
    # The caller's environment may hold settings for one of the servers, so pass on only these.
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    variables = {name: text.format_map(names) for name, text in contender.variables.items()}
    environment = {
        **kept,
        **{name: names[name] for name in PORTS},
        "MODEL": str(MODEL),
        "TMPDIR": str(temp),
        "TEMP": str(temp),
        **variables,
    }
    with log.open("ab") as output:
        begin = time.monotonic()
        process = subprocess.Popen(
            [part.format_map(names) for part in contender.command],
            cwd=temp,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return process, begin


def _first_response(
    contender: Contender, base: str, process: subprocess.Popen[bytes], begin: float, log: Path
) -> float:
    numbers = range(1, 11)
    body = contender.format.body(numbers)
    status, answer = 0, b""
    while time.monotonic() < begin + START_SECONDS:
        status, answer = post(base + contender.path, body, timeout=5)
        now = time.monotonic()
        if status == 200 and not contender.format.mistake(numbers, answer):  # noqa: PLR2004
            return now - begin
        if process.poll() is not None:
            raise Failed(
                f"ended while starting, exit status {process.returncode}: "
                f"{_last_line(log.read_text(errors='replace'))}"
            )
        time.sleep(POLL_SECONDS)
    raise Failed(f"no right response in {START_SECONDS:.0f} s; the last: {status} {answer[:200]!r}")


def _stop(process: subprocess.Popen[bytes], others: Collection[int]) -> None:
    """End every process of the contender: SIGTERM first, then SIGKILL."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    _, alive = psutil.wait_procs(_children(others), timeout=1)
    for each in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(alive, timeout=5)
    process.wait()


def _last_line(text: str) -> str:
    """Return the last line that names an error, otherwise the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return [*lines, *errors][-1][:300] if lines else "it printed nothing"
