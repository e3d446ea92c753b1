"""The load generator: wrk."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
# Seconds after which a request counts as an error.
TIMEOUT_SECONDS = 10


class Outcome(NamedTuple):
    """The result of a load.

    Attributes:
        answered: responses with status 2xx.
        errors: requests with another status or without a response.
        seconds: duration.
        p50_ms: median response time in milliseconds.
        p99_ms: 99th percentile of the response times in milliseconds.
    """

    answered: int
    errors: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_second(self) -> float:
        """Successful requests per second."""
        return self.answered / self.seconds


class Generator(NamedTuple):
    """A load generator.

    Attributes:
        name: name and version.
        command: returns its command line for (url, file of the body or None, headers, connections,
            seconds).
        parse: parses its output.
    """

    name: str
    command: Callable[[str, Path | None, Mapping[str, str], int, float], list[str]]
    parse: Callable[[str], Outcome]

    def start(
        self,
        url: str,
        body: Path | None,
        connections: int,
        seconds: float,
        headers: Mapping[str, str],
    ) -> subprocess.Popen[str]:
        """Start the load: requests with `headers` and, unless it is None, `body`."""
        return subprocess.Popen(
            self.command(url, body, headers, connections, seconds),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: subprocess.Popen[str], limit: float) -> Outcome:
        """Wait until the load ends and return its result."""
        output, errors = process.communicate(timeout=limit)
        if process.returncode != 0:
            raise RuntimeError(f"{self.name} failed: {errors.strip() or output.strip()}")
        return self.parse(output)


def find() -> Generator:
    """Return wrk.

    Raises:
        FileNotFoundError: wrk is not installed. There is no fallback in Python, because it would
            use more CPU than the fast servers and limit their throughput.
    """
    program = shutil.which("wrk")
    if not program:
        raise FileNotFoundError("wrk is not installed: apt-get install wrk")
    version = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    name = " ".join(version.stdout.split()[:2]) or "wrk"
    return Generator(name, lambda *of: _wrk(program, *of), parse_wrk)


def _wrk(  # noqa: PLR0913, PLR0917 (a command line)
    program: str,
    url: str,
    body: Path | None,
    headers: Mapping[str, str],
    connections: int,
    seconds: float,
) -> list[str]:
    # One thread generates more load than any server here can take, and leaves the other cores free.
    options = f"--threads 1 --connections {connections} --timeout {TIMEOUT_SECONDS}s"
    duration = ["--duration", f"{max(1, round(seconds))}s"]
    pairs = (part for pair in headers.items() for part in pair)
    arguments = ["--", str(body), *pairs] if body else []
    return [program, *options.split(), *duration, "-s", str(HERE / "load.lua"), url, *arguments]


def parse_wrk(output: str) -> Outcome:
    """Parse the last line of wrk's output, which load.lua prints."""
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    broken = sum(found[kind] for kind in ("connect", "read", "write", "timeout"))
    return Outcome(
        answered=found["requests"] - found["refused"],
        errors=found["refused"] + broken,
        seconds=found["microseconds"] / 1e6,
        p50_ms=found["p50"] / 1e3,
        p99_ms=found["p99"] / 1e3,
    )
