"""The load generators: wrk for HTTP, h2load for gRPC.

Both are written in C. One in Python would use more CPU than the fast servers and limit their
throughput.
"""

import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import numpy as np

from scripts.bench.workloads import Array, Request

SCRIPT = Path(__file__).with_name("load.lua")
# Seconds after which a request over HTTP counts as an error.
TIMEOUT_SECONDS = 10
# How long a generator may take beyond the duration of its load.
GRACE_SECONDS = 60
# Bytes before a message of gRPC: whether it is compressed, and its length.
PREFIX_BYTES = 5
# How often to call over gRPC, a second apart, until a call succeeds.
ATTEMPTS = 5
LARGEST = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Outcome(NamedTuple):
    """The result of a load.

    Attributes:
        answered: responses with status 2xx, or with code OK over gRPC.
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


class Running(NamedTuple):
    """A load generator at work; `finish` waits for it and returns the result."""

    process: subprocess.Popen[str]
    folder: Path
    seconds: float
    answer_bytes: int

    def finish(self) -> Outcome:
        """Wait until the load ends and return its result."""
        output, errors = self.process.communicate(timeout=self.seconds + GRACE_SECONDS)
        if self.process.returncode != 0:
            raise RuntimeError(f"the load generator failed: {errors.strip() or output.strip()}")
        if self.answer_bytes:
            # A line has the time, the status and the microseconds of a request.
            words = (self.folder / "log").read_text().split()
            return parse_h2load(output, np.array(words[2::3], float), self.answer_bytes)
        return parse_wrk(output)


@contextlib.contextmanager
def running(url: str, request: Request, connections: int, seconds: float) -> Iterator[Running]:
    """Send a request again and again over a number of connections for a number of seconds.

    Raises:
        grpc.RpcError: the server fails calls over gRPC even without load.
    """
    with tempfile.TemporaryDirectory(prefix="load-") as name:
        folder, answer_bytes = Path(name), 0
        body, duration = folder / "body", str(max(1, round(seconds)))
        # One thread makes more load than any server here can take, and leaves the other cores free.
        if request.method == "gRPC":
            answer_bytes = PREFIX_BYTES + len(_answer(url, request))
            body.write_bytes(bytes(1) + len(request.body).to_bytes(4, "big") + request.body)
            command = ["h2load", "-t", "1", "-c", str(connections), "-m", "1", "-D", duration]
            command += ["--data", str(body), "--log-file", str(folder / "log")]
            command += ["-H", "content-type: application/grpc", url]
            command += ["-H", "te: trailers"]  # codespell:ignore te
        else:
            body.write_bytes(request.body)
            command = ["wrk", "--threads", "1", "--connections", str(connections)]
            command += ["--timeout", f"{TIMEOUT_SECONDS}s", "--duration", f"{duration}s"]
            command += ["-s", str(SCRIPT), url, "--", str(body)]
            command += [part for pair in request.headers.items() for part in pair]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
            try:
                yield Running(process, folder, seconds, answer_bytes)
            finally:
                process.kill()


def _answer(url: str, request: Request) -> bytes:
    """Return the message of a response.

    A server that merges requests may merge one with those that the load before has left, and fail.
    """
    for _ in range(ATTEMPTS - 1):
        with contextlib.suppress(grpc.RpcError):
            return call(url, request, TIMEOUT_SECONDS)
        time.sleep(1)
    return call(url, request, TIMEOUT_SECONDS)


def call(url: str, request: Request, timeout: float) -> bytes:
    """Make a gRPC call and return the message of the response.

    Raises:
        grpc.RpcError: it failed.
    """
    address = url.partition("//")[2].partition("/")[0]
    with grpc.insecure_channel(address, options=LARGEST) as channel:
        return bytes(channel.unary_unary(request.path)(request.body, timeout=timeout))


def versions() -> str:
    """Return the names and versions of the load generators.

    Raises:
        FileNotFoundError: one is not installed.
    """
    for program, package in (("wrk", "wrk"), ("h2load", "nghttp2-client")):
        if not shutil.which(program):
            raise FileNotFoundError(f"{program} is not installed: apt-get install {package}")
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True, check=False).stdout
    h2load = subprocess.check_output(["h2load", "--version"], text=True)
    return f"{' '.join(wrk.split()[:2])}, {h2load.strip().replace(' nghttp2/', ' ')}"


def parse_wrk(output: str) -> Outcome:
    """Parse the last line of wrk's output, which load.lua prints."""
    figures: dict[str, Any] = json.loads(output.splitlines()[-1])
    broken = sum(figures[kind] for kind in ("connect", "read", "write", "timeout"))
    return Outcome(
        answered=figures["requests"] - figures["refused"],
        errors=figures["refused"] + broken,
        seconds=figures["microseconds"] / 1e6,
        p50_ms=figures["p50"] / 1e3,
        p99_ms=figures["p99"] / 1e3,
    )


def parse_h2load(output: str, microseconds: Array, answer_bytes: int) -> Outcome:
    """Parse h2load's output.

    A failed gRPC call also has status 200, and says so in a trailer, which h2load ignores. But only
    successful calls return a message, so their number follows from the amount of data.

    Args:
        output: what h2load printed.
        microseconds: the time of each request.
        answer_bytes: the size of the message of a successful call.
    """
    figures = re.search(
        r"finished in ([\d.]+)(m?)s.*?(\d+) done.*?(\d+) failed, (\d+) errored.*?\((\d+)\) data",
        output,
        re.DOTALL,
    )
    if not figures:
        raise RuntimeError(f"unknown output of h2load: {output}")
    total, failed, errored, data = (int(figures[i]) for i in range(3, 7))
    answered = min(total - failed - errored, data // answer_bytes)
    seconds = float(figures[1]) / (1000 if figures[2] else 1)
    p50, p99 = np.percentile(microseconds if total else [seconds * 1e6], [50, 99]) / 1e3
    return Outcome(answered, total - answered, seconds, float(p50), float(p99))
