"""The display of progress."""

from __future__ import annotations

import io
import sys
import threading

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


def test_a_short_wait_is_no_line_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress().waiting("waiting for more"):
        (timer,) = (
            thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)
        )
    timer.join(60)
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_it_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with Progress().waiting("waiting for it"):
        wait_until(lambda: "waiting for it" in terminal.getvalue(), "the text")


def test_steps_are_not_printed_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().say("done")
    Progress(quiet=True).say("not told")
    assert capsys.readouterr().out == "done\n"
