"""Which URLs are on loopback."""

from __future__ import annotations

import pytest

from server.client import is_loopback


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8081", True),
        ("http://127.9.9.9", True),
        ("http://localhost:8081", True),
        ("http://[::1]:8081", True),
        ("http://0.0.0.0:8081", False),
        ("http://10.0.0.1:8081", False),
        ("http://127.0.0.999:8081", False),
        ("http://localhost.example:8081", False),
        ("http://127.0.0.1@example.com", False),
        ("127.0.0.1:8081", False),
        ("", False),
    ],
)
def test_only_loopback_is_loopback(url: str, loopback: bool) -> None:
    assert is_loopback(url) is loopback
