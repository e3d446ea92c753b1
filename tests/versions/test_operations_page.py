"""The commands in docs/operations.md work as shown."""

from __future__ import annotations

import re
import subprocess

from server.store.paths import ROOT
from tests.support.operators import Operator

PAGE = (ROOT / "docs/operations.md").read_text()


def commands() -> list[tuple[str, str]]:
    """Return each command with the output that the page shows."""
    (block,) = re.findall(r"^```console\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    parts = [part.partition("\n") for part in block.split("$ ")[1:]]
    return [(command, output) for command, _, output in parts]


def shape(output: str) -> str:
    """Return the output without parts that vary: times, counts, numbers of workers."""
    return re.sub(r"\s+", " ", re.sub(r"workers?\b", "workers", re.sub(r"\d+", "#", output)))


def test_versions_go_the_way_that_the_page_shows(only_one: Operator) -> None:
    settings = [f"{name}={number}" for name, number in only_one.server.ports.items()]
    ran = 0
    for command, output in commands():
        if command == "make archive VERSION=2.0":  # in the operator's store already
            continue
        done = subprocess.run(
            [*command.split(), *settings],
            cwd=ROOT,
            env={
                **{
                    k: v for k, v in only_one.server.environment.items() if not k.startswith("MAKE")
                },
                "MODEL_NAME": "doubleit,other",
            },
            check=True,
            capture_output=True,
            text=True,
        )
        assert shape(done.stdout) == shape(output), command
        ran += 1
    assert ran == 6


def test_the_page_knows_every_option() -> None:
    for option in re.findall(r'"(--[a-z-]+)"', (ROOT / "server/versions/__main__.py").read_text()):
        assert f"`{option}" in PAGE, option
