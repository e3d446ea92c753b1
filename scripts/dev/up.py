"""Start server and page together; stop both with Ctrl-C, or when one of them ends.

python -m scripts.dev.up [--name NAME,...] [--version VERSION]
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from server import settings
from server.output import Output
from server.processes import Stop, raise_stop_on_signals

# Time limits for stopping. The server lets requests in flight finish first; the page has none.
SERVER_STOP_SECONDS, PAGE_STOP_SECONDS = 30, 5


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
    arguments = ("--name", options.name, "--version", options.version)
    page = {
        "BACKEND_URL": served.addresses.inference,
        "BACKEND_AUTH": "none",
        "BACKEND_MODEL": served.model,
    }
    try:
        with (
            _running("server", *arguments, seconds=SERVER_STOP_SECONDS) as first,
            _running("frontend", seconds=PAGE_STOP_SECONDS, **page) as second,
        ):
            while first.poll() is None and second.poll() is None:
                time.sleep(0.1)
            ended = "server" if second.poll() is None else "page"
            print(f"up: the {ended} exited unexpectedly; stopping the other", file=sys.stderr)
            return 1
    except Stop:
        return 0


@contextmanager
def _running(
    module: str, *arguments: str, seconds: float, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a module, and stop it at the end; after `seconds`, kill it."""
    # In its own session, so that Ctrl-C reaches only this program, which then stops the processes
    # one after the other.
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **environment},
        start_new_session=True,
    )
    try:
        yield process
    finally:
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
