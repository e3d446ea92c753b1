"""The commands in docs/operations.md work as shown."""

import re

from server.store.paths import ROOT
from tests.support.containers import output
from tests.support.operators import Operator
from tests.support.repository import commands

PAGE = "docs/operations.md"


def shape(output: str) -> str:
    """Return the output without parts that vary: times, counts, numbers of workers."""
    numbered = re.sub(r"workers?\b", "workers", re.sub(r"\d+", "#", output))
    return " ".join(numbered.split())


def test_versions_go_the_way_that_the_page_shows(only_one: Operator) -> None:
    settings = [f"{name}={number}" for name, number in only_one.server.ports.items()]
    environment = {"MODEL_STORE": str(only_one.store), "MODEL_NAME": "doubleit,other"}
    archive, *others = commands(PAGE)
    # It is in the operator's store already.
    assert archive == ("make archive VERSION=2.0", "")
    assert len(others) == 6
    for command, shown in others:
        printed = output([*command.split(), *settings], environment)
        assert shape(printed) == shape(shown), command


def test_the_page_knows_every_option() -> None:
    page = (ROOT / PAGE).read_text()
    for option in re.findall(r'"(--[a-z-]+)"', (ROOT / "server/versions/__main__.py").read_text()):
        assert f"`{option}" in page, option
