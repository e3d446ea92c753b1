"""The display of progress."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import threading

import pytest

from server.store.paths import ROOT
from server.versions import display
from server.versions.display import Progress
from tests.support.wait import wait_until

WAIT = """
import time
from server.versions.display import Progress
with Progress().waiting("waiting for it"):
    time.sleep(1.2)
"""


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


def test_a_terminal_shows_the_elapsed_time() -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", WAIT],
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm"},
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 4096):
            seen += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait(60) == 0
    assert b"waiting for it" in seen
    assert b"0:00:01" in seen


def test_steps_are_not_printed_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().say("done")
    Progress(quiet=True).say("not told")
    assert capsys.readouterr().out == "done\n"
