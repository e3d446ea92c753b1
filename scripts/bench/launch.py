"""Starting a server as a child process on free ports: for measurements and tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from server import settings
from server.client import Client
from server.ports import free_ports
from server.store.paths import ROOT

POLL_SECONDS = 0.02
# Longer than a server takes to let requests in flight finish (drain.py).
STOP_SECONDS = 15.0
# What a server prints once every version is ready.
ANNOUNCEMENT = " is ready at "


class LaunchError(Exception):
    """The server exited before it was ready; the message contains its output."""


class ServerProcess:
    """A `python -m server` of its own. As a context manager it is ready inside the block.

    Attributes:
        log: the file that everything it prints is appended to.
        environment: its environment variables.
        settings: where it listens and what it serves.
        client: sends requests to it.
        process: the child process; None before the start.
    """

    def __init__(
        self,
        log: Path,
        model: str = settings.MODEL_NAME,
        version: str = settings.MODEL_VERSION,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Choose free ports; nothing is started yet.

        Args:
            log: a file to append its output to.
            model: the model to serve, or models separated by commas.
            version: the version to serve.
            environment: variables besides this process's own.
        """
        self.log = log
        self.environment = {**os.environ, **free_ports(), **(environment or {})}
        self.settings = settings.read(model, version, self.environment)
        self.client = Client(self.settings.addresses)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it without waiting."""
        module = [sys.executable, "-m", "server"]
        served = ["--name", ",".join(self.settings.models), "--version", self.settings.version]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*module, *served],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def wait_ready(self) -> Self:
        """Wait until every version is ready; the server itself gives up when that takes too long.

        Raises:
            LaunchError: it ended.
        """
        assert self.process  # noqa: S101 (started before)
        while ANNOUNCEMENT not in self.output():
            if self.process.poll() is not None and ANNOUNCEMENT not in self.output():
                raise LaunchError(f"the server did not start:\n{self.output()}")
            time.sleep(POLL_SECONDS)
        return self

    def output(self) -> str:
        """Return what it has printed."""
        return self.log.read_text(errors="replace")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status.

        Raises:
            subprocess.TimeoutExpired: it has not ended after STOP_SECONDS; it is killed then.
        """
        assert self.process  # noqa: S101 (started before)
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def __enter__(self) -> Self:
        """Start it and wait until it is ready."""
        try:
            return self.start().wait_ready()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()
