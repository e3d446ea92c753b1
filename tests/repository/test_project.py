"""The checkout as a whole: it has one version, and the linters check all files."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from scripts.project import version
from server.store.paths import ROOT
from tests.support.repository import name, tracked


def test_the_changelog_s_newest_section_is_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    sections = re.findall(r"^## \[([^\]]+)\]", text, re.MULTILINE)
    assert next(section for section in sections if section != "Unreleased") == version()


def test_every_python_file_is_type_checked_and_every_package_is_measured() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    packages = {name(path).split("/")[0] for path in tracked("*.py")}
    assert tools["mypy"]["strict"] is True
    assert set(tools["mypy"]["files"]) == packages
    assert set(tools["coverage"]["run"]["source"]) == packages - {"tests"}
    shown = yaml.safe_load((ROOT / "codecov.yml").read_text())["coverage"]["status"]["project"]
    assert shown["default"]["target"] == f"{tools['coverage']['report']['fail_under']}%"


@pytest.mark.parametrize("page", tracked("*.md"), ids=name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    folders = "docker|docs|examples|frontend|handler|scripts|server|tests"
    named = re.findall(rf"`((?:{folders})/[\w./-]*)`", page.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []
