"""The real page on a free port, started as by `make ui`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import requests

from server.store.paths import ROOT
from tests.support.server import free_port
from tests.support.wait import LIMIT_SECONDS, wait_until


class PageServer:
    """A Streamlit process. Use as a context manager, which stops it at the end."""

    def __init__(
        self,
        log: Path,
        api: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "BACKEND_URL": api,
            "UI_PORT": str(self.port),
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PageServer:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "frontend"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_healthy(self.url, self.process, self.log)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(LIMIT_SECONDS)
        finally:
            if self.process.poll() is None:
                self.process.kill()


def wait_healthy(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the page's health route responds; fail if the process ends."""

    def is_healthy() -> bool:
        assert process.poll() is None, f"the page did not start:\n{log.read_text()}"
        try:
            return requests.get(f"{url}/_stcore/health", timeout=5).text == "ok"
        except requests.RequestException:
            return False

    wait_until(is_healthy, "a healthy page")
