"""Waiting for a condition instead of a fixed time."""

import time
from collections.abc import Callable

# Longer than anything takes, even on a busy machine.
LIMIT_SECONDS = 60.0
POLL_SECONDS = 0.01


def wait_until(condition: Callable[[], object], what: str, seconds: float = LIMIT_SECONDS) -> None:
    """Wait until `condition` holds; fail with `what` in the message if it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(POLL_SECONDS)
