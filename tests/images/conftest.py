"""Images built from this checkout; a compose project for the tests that only ask."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.containers import GIVEN, TAG, Stack, output


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """Fail, and do not skip: who runs these tests has an engine to run them with."""
    try:
        done = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.exit("tests/images: there is no docker command on this machine", returncode=1)
    if done.returncode:
        pytest.exit(f"tests/images: no Docker Engine answers: {done.stderr.strip()}", returncode=1)


@pytest.fixture(scope="session")
def images(engine: None) -> None:  # noqa: ARG001 (an order)
    """Both images: built here, or the ones that BACKEND_IMAGE and FRONTEND_IMAGE name."""
    if not GIVEN:
        output(["make", "images"], {"TAG": TAG})
    for image, name in GIVEN.items():
        output(["docker", "pull", "--quiet", image])
        output(["docker", "tag", image, name])


@pytest.fixture(scope="session")
def stack(images: None, store: Path) -> Iterator[Stack]:  # noqa: ARG001 (an order)
    """Server, page and management, as compose starts them."""
    with Stack(f"doubleit-test-{os.getpid()}", _readable(store), "management") as stack:
        yield stack


@pytest.fixture
def own_stack(images: None, store: Path) -> Iterator[Stack]:  # noqa: ARG001 (an order)
    """Server and page for a test that stops or kills them."""
    with Stack(f"doubleit-test-own-{os.getpid()}", _readable(store)) as stack:
        yield stack


def _readable(store: Path) -> Path:
    """Return a model store that the containers' user may read; pytest's folders are private."""
    for folder in (store, *store.parents[:2]):
        folder.chmod(0o755)
    for file in store.iterdir():
        file.chmod(0o644)
    return store
