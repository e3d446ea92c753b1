"""The commands in the README of each example work as shown, against one real server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.examples import EXAMPLES, commands, run, serve
from tests.support.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of all examples."""
    with serve(tmp_path_factory.mktemp("examples")) as server:
        yield server


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_goes_the_way_that_its_page_shows(server: Server, example: str) -> None:
    ran = 0
    for command, output in commands(example)[3:]:
        asked = command.replace("curl", "curl -s").replace("http://127.0.0.1:8080", server.url)
        assert run(asked, Path()) == output, command
        ran += 1
    assert ran >= 2
