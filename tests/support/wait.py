"""Waiting for what a test is about, instead of for a time."""

from __future__ import annotations

import time
from collections.abc import Callable

# Longer than anything takes on a busy machine: reached only where it never comes.
LIMIT_SECONDS = 60.0
POLL_SECONDS = 0.01


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return once `condition` holds; fail, naming `what`, if it never does."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {LIMIT_SECONDS:.0f} s: {what}"
        time.sleep(POLL_SECONDS)
