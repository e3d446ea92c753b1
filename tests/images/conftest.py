"""Fixtures: images built from this checkout, and Compose projects that run them."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.containers import GIVEN, TAG, Stack, output, readable, run


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """Fail, instead of skipping, if there is no Docker Engine."""
    done = run(["docker", "info"]) if shutil.which("docker") else None
    if done is None or done.returncode:
        why = done.stderr.strip() if done else "there is no docker command"
        pytest.exit(f"tests/images: no Docker Engine responds: {why}", returncode=1)


@pytest.fixture(scope="session")
def images(engine: None) -> None:  # noqa: ARG001 (an order)
    """Build both images, or pull those in BACKEND_IMAGE and FRONTEND_IMAGE."""
    if not GIVEN:
        output(["make", "images"], {"TAG": TAG})
    for image, name in GIVEN.items():
        output(["docker", "pull", "--quiet", image])
        output(["docker", "tag", image, name])


@pytest.fixture(scope="session")
def stack(images: None, store: Path) -> Iterator[Stack]:  # noqa: ARG001 (an order)
    """Run server, page and management for all tests that do not change them."""
    with Stack(f"doubleit-test-{os.getpid()}", readable(store), "management") as stack:
        yield stack


@pytest.fixture(scope="module")
def own_server(images: None, store: Path) -> Iterator[Stack]:  # noqa: ARG001 (an order)
    """Run a server for a module whose tests load, kill and stop it."""
    with Stack(f"doubleit-test-own-{os.getpid()}", readable(store), services=("server",)) as stack:
        yield stack
