"""The display of progress."""

from __future__ import annotations

import io
import sys

import pytest

from server.versions import display
from server.versions.display import Progress
from tests.support.wait import wait_until


class Printed(io.StringIO):
    """Output to a terminal or a log."""

    def __init__(self, *, is_terminal: bool) -> None:
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self) -> bool:
        return self.is_terminal


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_long_wait_is_shown(monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool) -> None:
    printed = Printed(is_terminal=is_terminal)
    monkeypatch.setattr(sys, "stderr", printed)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(display, "PATIENCE_SECONDS", 0.05)
    with Progress().waiting("waiting for it"):
        wait_until(lambda: "waiting for it" in printed.getvalue(), "the text")
    assert is_terminal or printed.getvalue() == "waiting for it ...\n"
