"""The load generator: wrk."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
# Seconds after which a request counts as an error.
TIMEOUT_SECONDS = 10


class Outcome(NamedTuple):
    """What the load generator saw.

    Attributes:
        answered: requests with a status of 2xx.
        errors: requests with another status or none.
        seconds: how long it went on.
        p50_ms: the median request's milliseconds.
        p99_ms: the milliseconds that one request in a hundred exceeds.
    """

    answered: int
    errors: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Answered requests per second."""
        return self.answered / self.seconds


class Generator(NamedTuple):
    """A load generator.

    Attributes:
        name: with its version.
        command: its command line for (url, file of the body or None, connections, seconds).
        parse: reads what it printed.
    """

    name: str
    command: Callable[[str, Path | None, int, float], list[str]]
    parse: Callable[[str], Outcome]

    def start(
        self, url: str, body: Path | None, connections: int, seconds: float
    ) -> subprocess.Popen[str]:
        """Start the load. `finish` waits for its end."""
        return subprocess.Popen(
            self.command(url, body, connections, seconds),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str], limit: float) -> Outcome:
        """Wait for the load's end and return what came of it."""
        output, errors = process.communicate(timeout=limit)
        if process.returncode != 0:
            raise RuntimeError(f"{self.name} failed: {errors.strip() or output.strip()}")
        return self.parse(output)


def find() -> Generator:
    """Return wrk.

    Raises:
        FileNotFoundError: the machine has none. A generator in Python would take more of the
            processor than the fast servers do, and hide how fast they are.
    """
    program = shutil.which("wrk")
    if not program:
        raise FileNotFoundError("wrk is not installed: apt-get install wrk")
    version = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    name = " ".join(version.stdout.split()[:2]) or "wrk"
    return Generator(name, lambda *of: _wrk(program, *of), parse_wrk)


def _wrk(program: str, url: str, body: Path | None, connections: int, seconds: float) -> list[str]:
    # One thread is enough for more than any server here answers, and leaves it the other cores.
    options = f"--threads 1 --connections {connections} --timeout {TIMEOUT_SECONDS}s"
    duration = ["--duration", f"{max(1, round(seconds))}s"]
    arguments = ["--", str(body)] if body else []
    return [program, *options.split(), *duration, "-s", str(HERE / "load.lua"), url, *arguments]


def parse_wrk(output: str) -> Outcome:
    """Read the line that load.lua prints after wrk's own."""
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    broken = sum(found[kind] for kind in ("connect", "read", "write", "timeout"))
    return Outcome(
        answered=found["requests"] - found["refused"],
        errors=found["refused"] + broken,
        seconds=found["microseconds"] / 1e6,
        p50_ms=found["p50"] / 1e3,
        p99_ms=found["p99"] / 1e3,
    )
