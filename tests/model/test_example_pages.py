"""The commands in the README of each example work as shown, against one real server."""

from pathlib import Path

import pytest

from tests.support.examples import EXAMPLES, commands, run
from tests.support.server import Server


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_goes_the_way_that_its_page_shows(examples: Server, example: str) -> None:
    _save, _package, _serve, *requests = commands(example)
    assert len(requests) >= 2
    for command, output in requests:
        asked = command.replace("curl", "curl -s").replace("http://127.0.0.1:8080", examples.url)
        assert run(asked, Path()) == output, command
