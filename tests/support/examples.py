"""The archives of examples/, built with the commands of their READMEs, and one server of all."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from server.store.paths import ROOT
from tests.support import repository
from tests.support.containers import output
from tests.support.operators import ONE_WORKER
from tests.support.server import Server

EXAMPLES = sorted(path.parent.name for path in ROOT.glob("examples/*/README.md"))


def commands(example: str) -> list[tuple[str, str]]:
    """Return the commands of an example with their documented output."""
    return repository.commands(f"examples/{example}/README.md")


def run(command: str, store: Path) -> str:
    """Run a command in the root folder with a model store, and return its output."""
    command = command.replace("--export-path model_store", f"--export-path {store}")
    return output(["bash", "-c", command], {"MODEL_STORE": str(store)})


def build(example: str, store: Path) -> str:
    """Build an example's archive into the store; return the name of its model."""
    save, package, start, *_ = (command for command, _ in commands(example))
    run(save, store)
    run(package, store)
    return start.rpartition("=")[2]


@contextmanager
def serve(store: Path) -> Iterator[Server]:
    """Build the archives into the store, and serve them with a worker for each."""
    with ThreadPoolExecutor() as pool:
        names = list(pool.map(lambda example: build(example, store), EXAMPLES))
    with Server(store, store / "log", ",".join(names), environment=ONE_WORKER) as server:
        yield server
