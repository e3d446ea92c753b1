"""A real TorchServe on free ports, started the way that `make serve` starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import requests

from scripts.server.ports import free_ports
from scripts.store.paths import ROOT

JSON = {"Content-Type": "application/json"}


def free_port() -> int:
    """Return a port that nothing listens on."""
    return int(free_ports(["PORT"])["PORT"])


def compact(value: Any) -> str:
    """Return JSON as the server writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Server:
    """One server process. Use as a context manager: it is stopped at the end."""

    def __init__(
        self,
        store: Path,
        log: Path,
        name: str = "doubleit",
        version: str = "1.0",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name, self.version, self.log = name, version, log
        self.ports = {name: int(port) for name, port in free_ports().items()}
        self.url = f"http://127.0.0.1:{self.ports['PORT']}"
        self.management = f"http://127.0.0.1:{self.ports['MANAGEMENT_PORT']}"
        self.metrics = f"http://127.0.0.1:{self.ports['METRICS_PORT']}"
        self.predictions = f"{self.url}/predictions/{name}"
        self.environment = {
            **os.environ,
            **{port: str(number) for port, number in self.ports.items()},
            "MODEL_STORE": str(store),
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        """Start without waiting."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "scripts.server",
                    "--name",
                    self.name,
                    "--version",
                    self.version,
                ],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def wait_ready(self, seconds: float = 60) -> Server:
        """Wait for the line that says that the model answers."""
        assert self.process
        deadline = time.monotonic() + seconds
        while " answers at " not in self.output():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start:\n{self.output()}")
            time.sleep(0.02)
        return self

    def output(self) -> str:
        """Return what the server printed."""
        return self.log.read_text()

    def stop(self, number: int = signal.SIGTERM, seconds: float = 12) -> int:
        """Send a signal to the supervisor and return its exit status."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)

    def __enter__(self) -> Server:
        return self.start().wait_ready()

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            if self.process and self.process.poll() is None:
                self.process.kill()

    def post(self, body: bytes | str, path: str = "", **headers: str) -> requests.Response:
        """Send a prediction request."""
        return requests.post(
            (path and self.url + path) or self.predictions,
            data=body,
            headers={**JSON, **headers},
            timeout=60,
        )

    def describe(self, version: str = "all") -> list[dict[str, Any]]:
        """Return the management API's description."""
        url = f"{self.management}/models/{self.name}/{version}"
        described: list[dict[str, Any]] = requests.get(url, timeout=10).json()
        return described

    def worker_pids(self) -> list[int]:
        """Return the process ids of all workers that run."""
        return [w["pid"] for v in self.describe() for w in v["workers"] if w["pid"] > 0]

    def processes(self) -> list[psutil.Process]:
        """Return what the supervisor has started, and what that has."""
        assert self.process
        return psutil.Process(self.process.pid).children(recursive=True)

    def java_pid(self) -> int:
        """Return the process id of TorchServe itself."""
        return next(process.pid for process in self.processes() if process.name() == "java")

    def fork_server(self) -> psutil.Process:
        """Return the process that workers are forked from."""
        assert self.process
        children = psutil.Process(self.process.pid).children()
        return next(process for process in children if process.name() != "java")


def announced_url(output: str) -> str:
    """Return the address in the line that says that the model answers."""
    found = re.search(r"answers at (\S+)", output)
    assert found, output
    return found[1]
