"""The real page on a free port, started as by `make ui`."""

from collections.abc import Mapping
from pathlib import Path

import requests

from tests.support.program import Program
from tests.support.server import free_port


class PageServer(Program):
    def __init__(self, log: Path, api: str, environment: Mapping[str, str] | None = None) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        own = {"BACKEND_URL": api, "UI_PORT": str(self.port), **(environment or {})}
        super().__init__(log, own, "frontend")

    def is_ready(self) -> bool:
        return healthy(self.url)


def healthy(url: str) -> bool:
    """Return whether the health route of the page at a URL responds."""
    try:
        return requests.get(f"{url}/_stcore/health", timeout=5).text == "ok"
    except requests.RequestException:
        return False
