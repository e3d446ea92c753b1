"""What every suite needs: archives, and one server for all tests that only ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.model import archiver
from scripts.model.torchscript import build
from tests.support.measuring import hold_back
from tests.support.server import Server

TESTS = Path(__file__).parent
# The suites of the longest files. They go first, so that no process is left with one at the end.
LONG = ("versions", "browser", "server")


def pytest_configure(config: pytest.Config) -> None:
    """Register a marker for each folder of tests."""
    for folder in sorted(path.name for path in TESTS.iterdir() if path.is_dir()):
        config.addinivalue_line("markers", f"{folder}: the tests of tests/{folder}")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart() -> None:
    """Measure child processes only where a test asks for it; pytest-cov has started before."""
    hold_back()


@pytest.hookimpl(tryfirst=True)  # before the distribution reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its folder, and sort by how long a folder's tests take.

    With several processes, a file's tests run in one of them, and so do those of all shorter files
    of the browser, because each process with such tests starts a browser, a page and a server.
    """
    for item in items:
        file = item.path.relative_to(TESTS)
        item.add_marker(file.parts[0])
        shared = file.parts[0] == "browser" and file.name != "test_page.py"
        item.add_marker(pytest.mark.xdist_group("browser" if shared else str(file)))
    items.sort(key=lambda item: item.path.relative_to(TESTS).parts[0] not in LONG)


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
