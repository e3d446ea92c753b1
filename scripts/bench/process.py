"""A contender's processes: start, wait for the first response, stop."""

import contextlib
import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import psutil
import requests

from scripts.bench import generator
from scripts.bench.lineup import Contender, Failed
from scripts.bench.workloads import Request
from server.ports import free_ports

# Time limit for a contender's start.
START_SECONDS = 90.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.01
POLL_TIMEOUT_SECONDS = 5.0
CHECK_SECONDS = 30.0
# The caller's environment may hold settings for one of the servers, so only these are passed on.
INHERITED = ("PATH", "HOME", "LANG", "DOCKER_HOST")
# Option of prctl(2): orphaned descendants become children of this process, so daemons are found.
PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Running:
    """A contender that responds.

    Attributes:
        ports: its ports, by the names of `server.settings.PORTS`.
        requests: its requests by name.
        others: ids of this process's other children.
        start_seconds: from the start of its process to its first correct response.
    """

    ports: Mapping[str, str]
    requests: Mapping[str, Request]
    others: frozenset[int]
    start_seconds: float = 0.0

    def processes(self, *, without: int = 0) -> list[psutil.Process]:
        """Return the contender's processes, daemons included, except the one with id `without`."""
        return _children({*self.others, without})

    def url(self, request: Request) -> str:
        """Return the URL of a request."""
        port = self.ports["GRPC_PORT" if request.method == "gRPC" else "PORT"]
        return f"http://127.0.0.1:{port}{request.path}"

    def send(self, request: Request, timeout: float) -> str:
        """Send a request; return what is wrong with the response, or an empty string."""
        url, headers = self.url(request), dict(request.headers)
        try:
            if request.method == "gRPC":
                return request.mistake(generator.call(url, request, timeout))
            response = requests.request(
                request.method, url, data=request.body, headers=headers, timeout=timeout
            )
        except grpc.RpcError as error:
            return f"{error.code()}, {error.details()}"
        except requests.RequestException as error:
            return f"no response: {type(error).__name__}"
        if not response.ok:
            return f"status {response.status_code}, {response.content[:300]!r}"
        return request.mistake(response.content)

    def check(self) -> None:
        """Check the response to each request before any is measured.

        Raises:
            Failed: one is wrong.
        """
        for name, request in self.requests.items():
            if mistake := self.send(request, CHECK_SECONDS):
                raise Failed(f"{name}: {mistake}")


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
    names = {**contender.names(), **ports}
    others = frozenset(p.pid for p in _children())
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as temp:
        environment = {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            **ports,
            **dict.fromkeys(("TMPDIR", "TEMP"), temp),
            **{name: text.format_map(names) for name, text in contender.environment().items()},
        }
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
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
        try:
            target = Running(ports, contender.requests(), others)
            _wait_for_response(target, process, log)
            target.start_seconds = time.monotonic() - begin
            yield target
        finally:
            _stop(process, others)


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


def _wait_for_response(target: Running, process: subprocess.Popen[bytes], log: Path) -> None:
    request, deadline = next(iter(target.requests.values())), time.monotonic() + START_SECONDS
    while mistake := target.send(request, POLL_TIMEOUT_SECONDS):
        if process.poll() is not None:
            last = _last_line(log.read_text(errors="replace"))
            raise Failed(f"ended while starting, exit status {process.returncode}: {last}")
        if time.monotonic() > deadline:
            raise Failed(f"no right response in {START_SECONDS:.0f} s; the last: {mistake}")
        time.sleep(POLL_SECONDS)


def _stop(process: subprocess.Popen[bytes], others: Collection[int]) -> None:
    """End every process of the contender: SIGTERM first, then SIGKILL."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    _, alive = psutil.wait_procs(_children(others), timeout=1)
    for child in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(alive, timeout=5)
    process.wait()


def _last_line(text: str) -> str:
    """Return the last line that names an error, otherwise the last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.match(r"[\w.]*(Error|Exception)\b", line)]
    return [*lines, *errors][-1][:300] if lines else "it printed nothing"
