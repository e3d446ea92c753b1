"""The display of progress."""

from __future__ import annotations

import io
import sys

import pytest

from server.versions import display
from server.versions.display import Progress
from tests.support.wait import wait_until


def test_a_long_wait_is_a_line_in_a_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(display, "PATIENCE_SECONDS", 0.05)
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stderr", printed)
    with Progress().waiting("waiting for it"):
        wait_until(printed.getvalue, "the line")
    assert printed.getvalue() == "waiting for it ...\n"
    assert capsys.readouterr().out == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with Progress().waiting("waiting for it"):
        wait_until(lambda: "waiting for it" in terminal.getvalue(), "the text")
