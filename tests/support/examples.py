"""The archives of examples/, built with the commands of their READMEs, and one server of all."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.store import archive
from server.store.paths import ROOT
from tests.support.server import Server

EXAMPLES = sorted(path.parent.name for path in ROOT.glob("examples/*/README.md"))


def commands(example: str) -> list[tuple[str, str]]:
    """Return the commands of an example with their documented output."""
    page = (ROOT / "examples" / example / "README.md").read_text()
    (block,) = re.findall(r"^```console\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    parts = [part.partition("\n") for part in f"\n{block}".split("\n$ ")[1:]]
    return [(command, output.strip()) for command, _, output in parts]


def run(command: str, store: Path) -> str:
    """Run a command in the root folder with a model store, and return its output."""
    # If make runs the tests, its variables must not reach the command.
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["bash", "-c", command.replace("--export-path model_store", f"--export-path {store}")],
        cwd=ROOT,
        env={**own, "MODEL_STORE": str(store)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@contextmanager
def serve(store: Path) -> Iterator[Server]:
    """Build the archives into the store, and serve them with a worker for each."""
    served = []
    for example in EXAMPLES:
        save, package, start, *_ = (command for command, _ in commands(example))
        run(save, store)
        run(package, store)
        served.append(start.rpartition("=")[2])
    one = {"TS_DEFAULT_WORKERS_PER_MODEL": "1"}
    with Server(store, store / "log", served[0], environment=one) as server:
        for name in served[1:]:
            server.register(archive.find(store, name, "1.0").path.name)
        yield server
