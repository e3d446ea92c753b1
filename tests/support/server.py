"""A real TorchServe on free ports, started as by `make serve`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import psutil
import requests

from server import settings
from server.client import Client
from server.ports import free_ports
from tests.support.program import Program

JSON = {"Content-Type": "application/json"}
# What a server prints once every version is ready.
ANNOUNCEMENT = " is ready at "


def free_port() -> int:
    return int(free_ports(["PORT"])["PORT"])


def compact(value: Any) -> str:
    """Return JSON as the server writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class Server(Program):
    """A server on free ports with its own model store; `name` may be several, with commas."""

    def __init__(
        self,
        store: Path,
        log: Path,
        name: str = "doubleit",
        version: str = "1.0",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        own = {**free_ports(), "MODEL_STORE": str(store), **(environment or {})}
        super().__init__(log, own, "server", "--name", name, "--version", version)
        self.name, self.version = name, version
        self.settings = settings.read(name, version, self.environment)
        self.client = Client(self.settings.addresses)
        self.ports = {port: self.settings.port(port) for port in settings.PORTS}
        _, self.url, self.management, self.metrics = self.settings.addresses
        self.predictions = f"{self.url}/predictions/{name}"

    def is_ready(self) -> bool:
        """Return whether every version is ready; the server gives up when that takes too long."""
        return ANNOUNCEMENT in self.output()

    def post(self, body: bytes | str, path: str = "", **headers: str) -> requests.Response:
        url = self.url + path if path else self.predictions
        return requests.post(url, data=body, headers={**JSON, **headers}, timeout=60)

    def register(self, archive: str, **settings: str | int) -> None:
        """Register an archive of the model store, with one worker unless set otherwise."""
        query = {"url": archive, "initial_workers": 1, **settings, "synchronous": "true"}
        answer = requests.post(f"{self.management}/models", params=query, timeout=120)
        assert answer.status_code == 200, answer.text

    def describe(self) -> list[dict[str, Any]]:
        url = f"{self.management}/models/{self.name}/all"
        described: list[dict[str, Any]] = requests.get(url, timeout=10).json()
        return described

    def worker_pids(self) -> list[int]:
        """Return the process ids of all running workers."""
        return [w["pid"] for v in self.describe() for w in v["workers"] if w["pid"] > 0]

    def processes(self) -> list[psutil.Process]:
        """Return all descendants of the supervisor."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def java_pid(self) -> int:
        return next(process.pid for process in self.processes() if process.name() == "java")

    def fork_server(self) -> psutil.Process:
        """Return the process that workers are forked from."""
        children = psutil.Process(self.process.pid).children()
        return next(process for process in children if process.name() != "java")


class Made(Server):
    """A server that `make serve` starts."""

    command = ("make", "--no-print-directory")

    def start(self) -> Self:
        # If make runs the tests, its variables must not reach this one.
        inherited = {k: v for k, v in self.environment.items() if not k.startswith("MAKE")}
        self.environment = inherited
        own = () if self.name == "doubleit" else (f"NAME={self.name}",)
        self.arguments = ("serve", *own)
        return super().start()
