"""The display of progress."""

from __future__ import annotations

import io
import sys

import pytest

from server.versions.display import Progress
from tests.support.wait import wait_until


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_what_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with Progress().waiting("waiting for it"):
        wait_until(lambda: "waiting for it" in terminal.getvalue(), "the text")
