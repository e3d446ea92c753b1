from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.frontend.api import Api, serve


@pytest.fixture
def api() -> Iterator[Api]:
    with serve() as running:
        yield running


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nothing listens on, reserved for the duration of the test."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
