from __future__ import annotations

import re

import pytest

from scripts.bench.environments import CONTENDERS, torch_version
from scripts.bench.lineup import ALL, BASELINE, SELF, STOCK

FOLDERS = sorted({contender.folder for contender in ALL} - {""})


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_contender_has_pinned_packages(folder: str) -> None:
    lines = (CONTENDERS / folder / "requirements.txt").read_text().splitlines()
    assert lines
    pinned = re.compile(r"[\w.-]+(\[\w+\])?==[\w.+!]+")
    assert [line for line in lines if not pinned.fullmatch(line)] == []


def test_each_folder_takes_part() -> None:
    folders = {path.name for path in CONTENDERS.iterdir() if path.is_dir()}
    assert sorted(folders - {"__pycache__"}) == FOLDERS


def test_names_are_unique_and_the_goals_find_theirs() -> None:
    names = [contender.name for contender in ALL]
    assert len(set(names)) == len(names)
    assert {SELF, BASELINE, STOCK} <= set(names)


def test_torch_is_this_projects() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", torch_version())
