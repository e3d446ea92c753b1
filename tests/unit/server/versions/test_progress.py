"""The display of progress."""

import pytest

from server.versions.display import Progress
from tests.support.wait import wait_until


def test_a_terminal_shows_what_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    with Progress().waiting("waiting for it"):
        wait_until(lambda: "waiting for it" in capsys.readouterr().err, "the text")
