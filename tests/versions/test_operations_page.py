"""The commands in docs/operations.md work as shown."""

from __future__ import annotations

import re
import subprocess

from server.store.paths import ROOT
from tests.support.operators import Operator
from tests.support.repository import commands

PAGE = "docs/operations.md"


def shape(output: str) -> str:
    """Return the output without parts that vary: times, counts, numbers of workers."""
    numbered = re.sub(r"workers?\b", "workers", re.sub(r"\d+", "#", output))
    return " ".join(numbered.split())


def test_versions_go_the_way_that_the_page_shows(only_one: Operator) -> None:
    settings = [f"{name}={number}" for name, number in only_one.server.ports.items()]
    inherited = only_one.server.environment
    environment = {k: v for k, v in inherited.items() if not k.startswith("MAKE")}
    ran = 0
    for command, output in commands(PAGE):
        if command == "make archive VERSION=2.0":  # in the operator's store already
            continue
        done = subprocess.run(
            [*command.split(), *settings],
            cwd=ROOT,
            env={**environment, "MODEL_NAME": "doubleit,other"},
            check=True,
            capture_output=True,
            text=True,
        )
        assert shape(done.stdout) == shape(output), command
        ran += 1
    assert ran == 6


def test_the_page_knows_every_option() -> None:
    page = (ROOT / PAGE).read_text()
    for option in re.findall(r'"(--[a-z-]+)"', (ROOT / "server/versions/__main__.py").read_text()):
        assert f"`{option}" in page, option
