"""The checkout as a whole: it has one version, and the linters check all files."""

from __future__ import annotations

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


def test_every_python_file_is_type_checked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert settings["strict"] is True
    unchecked = [
        name(path) for path in tracked("*.py") if name(path).split("/")[0] not in settings["files"]
    ]
    assert unchecked == []


def test_every_package_that_is_measured_is_one_that_exists() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]
    code = {name(path).split("/")[0] for path in tracked("*.py", ":!tests/")}
    assert set(settings["run"]["source"]) == code


def test_coverage_is_the_same_number_for_pytest_and_for_codecov() -> None:
    enforced = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]
    shown = yaml.safe_load((ROOT / "codecov.yml").read_text())["coverage"]["status"]["project"]
    assert shown["default"]["target"] == f"{enforced['report']['fail_under']}%"


@pytest.mark.parametrize("page", tracked("*.md"), ids=name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    folders = "docker|docs|examples|frontend|handler|scripts|server|tests"
    named = re.findall(rf"`((?:{folders})/[\w./-]*)`", page.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []
