"""docs/performance.md has the markers for `make bench WRITE=1` and names existing commits."""

from __future__ import annotations

import re
import subprocess

import pytest

from scripts.bench.__main__ import PAGE
from scripts.bench.report import LISTS_COMMAND, NETWORKS_COMMAND, markers
from server.store.paths import ROOT


def test_the_page_has_the_place_for_the_tables() -> None:
    text = PAGE.read_text()
    for command in (LISTS_COMMAND, NETWORKS_COMMAND):
        begin, end = markers(command)
        assert text.index(begin) < text.index(end)


def test_the_commits_that_the_page_names_are_there() -> None:
    commits = re.findall(r"`([0-9a-f]{7})`", PAGE.read_text())
    assert commits
    if (ROOT / ".git" / "shallow").exists():
        pytest.skip("a shallow clone does not have earlier commits")
    for commit in commits:
        subprocess.run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, check=True)
