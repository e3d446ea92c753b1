"""Real processes as contenders: some start, some do not, some give wrong responses."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from scripts.bench import process
from scripts.bench.lineup import Contender, Failed

SERVER = """
    import http.server, json, os, subprocess, sys
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            numbers = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps([FACTOR * n for n in numbers]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        def log_message(self, *_):
            pass
    http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def contender(script: str) -> Contender:
    command = [sys.executable, "-c", textwrap.dedent(script).replace("{", "{{").replace("}", "}}")]
    return Contender("one", command)


def test_all_processes_end_with_the_contender_daemons_too_and_no_others(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as before:
        with process.running(contender(SERVER.replace("FACTOR", "2")), tmp_path / "log") as target:
            assert target.start_seconds > 0
            target.check()
            started = target.processes()
            assert len(started) == 2
            assert before.pid not in [p.pid for p in started]
        assert not any(p.is_running() for p in started)
        assert before.poll() is None
        before.kill()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (
            SERVER.replace("FACTOR", "3"),
            r"no right response in 5 s; the last: .* is not the model's output: b'\[3, 6, 9",
        ),
        (
            "import sys; print('Loading'); raise ImportError('no module named x')",
            "exit status 1: ImportError: no module named x",
        ),
    ],
    ids=["wrong responses", "an end"],
)
def test_a_contender_that_cannot_be_measured_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    monkeypatch.setattr(process, "START_SECONDS", 5.0)
    with (
        pytest.raises(Failed, match=message),
        process.running(contender(script), tmp_path / "log"),
    ):
        pass
