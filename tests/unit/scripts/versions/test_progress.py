"""What is seen while something is waited for."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time

import pytest

from scripts.store.paths import ROOT
from scripts.versions import progress
from scripts.versions.progress import Progress

WAIT = """
import time
from scripts.versions.progress import Progress
with Progress().waiting("waiting for it"):
    time.sleep(1.2)
"""


def test_a_long_wait_is_a_line_in_a_log(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.05)
    with Progress().waiting("waiting for it"):
        time.sleep(0.3)
    with Progress().waiting("waiting for more"):
        pass
    time.sleep(0.2)
    assert capsys.readouterr() == ("", "waiting for it ...\n")


def test_somebody_who_watches_sees_the_time_pass() -> None:
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
    assert process.wait(10) == 0
    assert b"waiting for it" in seen
    assert b"0:00:01" in seen


def test_steps_are_not_told_to_machines(capsys: pytest.CaptureFixture[str]) -> None:
    Progress().say("done")
    Progress(quiet=True).say("not told")
    assert capsys.readouterr().out == "done\n"
