from __future__ import annotations

import re

from scripts.bench.environments import CONTENDERS, torch_version
from scripts.bench.lineup import ALL, BASELINE, SELF, STOCK


def test_each_contender_has_code_and_pinned_packages() -> None:
    for folder in {contender.folder for contender in ALL} - {""}:
        lines = (CONTENDERS / folder / "requirements.txt").read_text().splitlines()
        assert lines
        assert all(re.fullmatch(r"[\w.-]+(\[\w+\])?==[\w.+!]+", line) for line in lines), folder


def test_each_folder_takes_part() -> None:
    folders = {path.name for path in CONTENDERS.iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} == {c.folder for c in ALL} - {""}


def test_names_are_unique_and_the_goals_find_theirs() -> None:
    names = [contender.name for contender in ALL]
    assert len(set(names)) == len(names)
    assert {SELF, BASELINE, STOCK} <= set(names)


def test_torch_is_this_projects() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", torch_version())
