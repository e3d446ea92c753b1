"""What every suite needs: archives, and one server for all tests that only ask."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from xdist.scheduler import LoadFileScheduling

from scripts.model import archiver
from scripts.model.torchscript import build
from tests.support.examples import serve
from tests.support.measuring import hold_back
from tests.support.server import Server

TESTS = Path(__file__).parent
# The time of an example depends on what else the machine does.
hypothesis.settings.register_profile(
    "any speed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any speed")
# The folders of the longest tests. They go first, so that no process is left with one at the end.
LONG = ["browser", "versions", "server"]


def pytest_configure(config: pytest.Config) -> None:
    """Register a marker for each folder of tests."""
    for folder in sorted(path.name for path in TESTS.iterdir() if path.is_dir()):
        config.addinivalue_line("markers", f"{folder}: the tests of tests/{folder}")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart() -> None:
    """Measure child processes only where a test asks for it; pytest-cov has started before."""
    hold_back()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its folder, and sort by how long a folder's tests take."""
    for item in items:
        item.add_marker(item.path.relative_to(TESTS).parts[0])
    order = {folder: i for i, folder in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path.relative_to(TESTS).parts[0], len(LONG)))


class Scheduling(LoadFileScheduling):
    """Runs each file in one process, and those that share a browser, pages or servers in the same.

    Each process with such tests would build and start all of these.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file == "tests/model/test_example_pages.py":
            return "tests/browser"
        folder = file.rpartition("/")[0]
        return folder if folder in ("tests/browser", "tests/versions") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def torchscript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "doubleit.pt"
    build(path)
    return path


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, torchscript: Path) -> Path:
    """A model store with doubleit 1.0."""
    store = tmp_path_factory.mktemp("model_store")
    archiver.package(torchscript, "doubleit", "1.0", archiver.CONFIG, store)
    return store


@pytest.fixture(scope="session")
def server(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that tests ask and do not change."""
    with Server(store, tmp_path_factory.mktemp("server") / "log") as server:
        yield server


@pytest.fixture(scope="session")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of the models in examples/."""
    with serve(tmp_path_factory.mktemp("examples")) as server:
        yield server
