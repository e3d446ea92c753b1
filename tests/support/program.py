"""A program of this project in a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from server.store.paths import ROOT
from tests.support.wait import wait_until

# Longer than any of them takes to start, or to let requests in flight finish.
START_SECONDS, STOP_SECONDS = 240.0, 60.0


class Program:
    """`python -m MODULE`, which appends its output to a file.

    As a context manager it is ready inside the block.

    Attributes:
        folder: where it is started.
        command: the start of its command line, in front of the arguments.
        process: its process, once it is started.
    """

    folder = ROOT
    command: Sequence[str] = (sys.executable, "-m")
    process: subprocess.Popen[bytes]

    def __init__(self, log: Path, environment: Mapping[str, str], *arguments: str) -> None:
        self.log = log
        self.environment = {**os.environ, **environment}
        self.arguments = arguments

    def start(self) -> Self:
        """Start it without waiting."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command, *self.arguments],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def is_ready(self) -> bool:
        """Return whether it responds."""
        raise NotImplementedError

    def wait_ready(self) -> Self:
        """Wait until it is ready; fail if it ends."""

        def ready() -> bool:
            ended = self.process.poll() is not None
            if self.is_ready():
                return True
            assert not ended, f"it did not start:\n{self.output()}"
            return False

        wait_until(ready, f"{self.arguments[0]} is ready", START_SECONDS)
        return self

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()

    def __enter__(self) -> Self:
        try:
            return self.start().wait_ready()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()
