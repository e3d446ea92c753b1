"""Every command in the documentation exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from server.store.paths import ROOT
from tests.support.repository import code, made, name, steps, targets, tracked

PAGES = tracked("*.md", ":!tests/")


@pytest.mark.parametrize("path", [*PAGES, *tracked("*.sh", ".ci/run")], ids=name)
def test_every_make_target_of_a_page_or_a_script_exists(path: Path) -> None:
    text = path.read_text()
    pieces = code(text) if path in PAGES else [text]
    named = set().union(*map(made, pieces))
    assert named <= targets()
    assert named or path != ROOT / "README.md"


def test_every_make_target_of_a_workflow_exists() -> None:
    named = {target for _, step in steps() for target in made(step.get("run", ""))}
    assert named
    assert named <= targets()


def test_every_hook_is_a_target_that_exists() -> None:
    for repository in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]:
        assert repository["repo"] == "local"
        for hook in repository["hooks"]:
            assert made(hook["entry"]) or hook["entry"].startswith("terraform fmt ")
            assert made(hook["entry"]) <= targets()


def test_every_target_is_explained_by_make_or_part_of_one_that_is() -> None:
    text = (ROOT / "Makefile").read_text()
    explained = set(re.findall(r"^([a-z][a-z0-9-]*):.*## ", text, re.MULTILINE))
    parts = {
        word
        for line in re.findall(r"^[A-Z]+ := (.*)$", text, re.MULTILINE)
        for word in line.split()
    }
    assert targets() - explained <= parts
    assert "lint" in explained
