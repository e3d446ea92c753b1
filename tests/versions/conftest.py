"""A server whose versions change, and its operator."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.model import archiver
from tests.support.operators import ONE_WORKER, Operator
from tests.support.server import Server


def make_store(store: Path, torchscript: Path) -> Path:
    """Create a model store with the versions 1.0 and 2.0 of two models."""
    store.mkdir()
    for name in ("doubleit", "other"):
        for version in ("1.0", "2.0"):
            archiver.package(torchscript, name, version, archiver.CONFIG, store)
    return store


@pytest.fixture
def fresh_store(tmp_path: Path, torchscript: Path) -> Path:
    return make_store(tmp_path / "store", torchscript)


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory, torchscript: Path) -> Iterator[Operator]:
    """The operator of a server for these tests only; each test leaves it with only 1.0."""
    folder = tmp_path_factory.mktemp("versions")
    store = make_store(folder / "store", torchscript)
    with Server(store, folder / "log", environment=ONE_WORKER) as server:
        yield Operator(server)


@pytest.fixture
def only_one(operator: Operator) -> Iterator[Operator]:
    """The operator of a server that only has version 1.0, before and after the test."""
    assert operator.versions() == ("1.0", ["1.0"])
    yield operator
    operator.reset()
