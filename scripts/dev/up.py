"""Start server and page together; stop both with Ctrl-C, or when one of them ends.

python -m scripts.dev.up [--name NAME,...] [--version VERSION]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from server import settings
from server.output import Output
from server.processes import Stop, raise_stop_on_signals

# Time limits for stopping. The server lets requests in flight finish first; the page has none.
STOP_SECONDS = {"server": 30, "page": 5}


def main() -> int:
    """Run both until a signal (return 0) or until one ends by itself (return 1)."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--name",
        default=os.environ.get("BACKEND_MODEL") or "doubleit",
        help="the models to serve; the page shows the first (BACKEND_MODEL, doubleit)",
    )
    parser.add_argument("--version", default="1.0", help="the version to serve")
    options = parser.parse_args()
    raise_stop_on_signals()
    try:
        served = settings.read(options.name, options.version)
    except settings.SettingsError as error:
        print(f"up: {error}", file=sys.stderr)
        return 1
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        running["server"] = _start("server", "--name", options.name, "--version", options.version)
        running["page"] = _start(
            "frontend",
            BACKEND_URL=served.inference,
            BACKEND_AUTH="none",
            BACKEND_MODEL=served.model,
        )
        ended = _first_end(running)
        print(f"up: the {ended} exited unexpectedly; stopping the other", file=sys.stderr)
    except Stop:
        return 0
    else:
        return 1
    finally:
        for name in reversed(running):
            _stop(running[name], STOP_SECONDS[name])


def _start(module: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
    # In its own session, so that Ctrl-C reaches only this program, which then stops the processes
    # one after the other.
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **environment},
        start_new_session=True,
    )


def _first_end(running: dict[str, subprocess.Popen[bytes]]) -> str:
    """Wait until a process ends; return its name."""
    while True:
        for name, process in running.items():
            if process.poll() is not None:
                return name
        time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes], seconds: float) -> None:
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    with Output(sys.stderr.fileno()), Output(sys.stdout.fileno()):
        status = main()
    sys.exit(status)
