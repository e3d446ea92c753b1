"""`python -m frontend` as a process: its output, and that it serves and stops."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import requests

from tests.support.containers import run
from tests.support.measuring import COVERAGE
from tests.support.page import PageServer


def test_the_page_is_served_and_stops_on_ctrl_c(tmp_path: Path, closed_port: int) -> None:
    with PageServer(tmp_path / "log", f"http://127.0.0.1:{closed_port}", COVERAGE) as page:
        assert "<title>" in requests.get(page.url, timeout=10).text
        listening = Path("/proc/net/tcp").read_text()
        assert page.stop(signal.SIGINT) == 0
    said = (tmp_path / "log").read_text()
    assert page.url in said
    assert "Traceback" not in said
    # It only listens on loopback.
    assert f" 0100007F:{page.port:04X} 00000000:0000 0A" in listening
    assert f" 00000000:{page.port:04X} 00000000:0000 0A" not in listening


def test_an_unusable_setting_ends_the_start_with_one_line() -> None:
    done = run([sys.executable, "-m", "frontend"], {"BACKEND_URL": "nowhere"})
    message = 'page: BACKEND_URL is "nowhere": it has to be like http://127.0.0.1:8080\n'
    assert (done.returncode, done.stderr) == (1, message)
