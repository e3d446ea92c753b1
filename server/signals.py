"""Turning SIGINT and SIGTERM into an exception, so that `finally` blocks end a program in order."""

from __future__ import annotations

import signal
from types import FrameType

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop(BaseException):
    """SIGINT or SIGTERM arrived. Not an Exception: no handler of errors may swallow it."""


def raise_stop_on_signals() -> None:
    """Have the first SIGINT or SIGTERM raise Stop in the main thread; later ones are ignored."""
    for number in STOP_SIGNALS:
        signal.signal(number, _raise_stop)


def _raise_stop(_number: int, _frame: FrameType | None) -> None:
    # A second signal does not cut the orderly end short.
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise Stop
