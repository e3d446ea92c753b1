"""A server whose versions change, and its operator."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.model import archiver
from tests.support.operators import ONE_WORKER, Operator
from tests.support.server import Server


@pytest.fixture(scope="session")
def two_versions(tmp_path_factory: pytest.TempPathFactory, torchscript: Path) -> Path:
    """A model store with the versions 1.0 and 2.0 of two models."""
    store = tmp_path_factory.mktemp("two_versions")
    for name in ("doubleit", "other"):
        for version in ("1.0", "2.0"):
            archiver.package(torchscript, name, version, archiver.CONFIG, store)
    return store


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory, two_versions: Path) -> Iterator[Operator]:
    """The operator of a server for these tests only; each test leaves it with only 1.0."""
    folder = tmp_path_factory.mktemp("versions")
    store = shutil.copytree(two_versions, folder / "store")
    with Server(store, folder / "log", environment={**ONE_WORKER, "MEMORY": "1GiB"}) as server:
        yield Operator(server)


@pytest.fixture
def only_one(operator: Operator) -> Iterator[Operator]:
    """The operator of a server that only has version 1.0, before and after the test."""
    assert operator.versions() == ("1.0", ["1.0"])
    yield operator
    operator.reset()
