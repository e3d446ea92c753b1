"""Every command in the documentation exists."""

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


def test_every_make_target_of_a_workflow_or_a_hook_exists() -> None:
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    entries = [hook["entry"] for hook in local["hooks"]]
    run = [*(step.get("run", "") for _, step in steps()), *entries]
    assert set().union(*map(made, run)) <= targets()


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
