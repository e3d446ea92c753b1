from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from scripts.bench import lineup
from scripts.bench.environments import CONTENDERS, torch_version
from scripts.bench.lineup import BASELINE, SELF, STOCK, contenders
from scripts.bench.workloads import LISTS
from server.store.paths import ROOT

ALL = contenders(LISTS)
FOLDERS = sorted({contender.folder for contender in ALL} - {""})


@pytest.mark.parametrize("folder", sorted({*FOLDERS} - {"torchserve"}))
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


@pytest.mark.parametrize(
    ("commit", "archiver", "server"),
    [
        ("HEAD", "scripts.model.archiver", "server"),
        ("c837a02", "scripts.build_archive", "scripts.serve"),
    ],
)
def test_an_earlier_commit_is_started_by_the_modules_of_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commit: str, archiver: str, server: str
) -> None:
    if commit != "HEAD" and (ROOT / ".git" / "shallow").exists():
        pytest.skip("a shallow clone does not have earlier commits")
    monkeypatch.setattr(lineup, "CHECKOUTS", tmp_path)
    earlier = lineup.at(LISTS, commit)
    folder = Path(earlier.variables["PYTHONPATH"])
    try:
        assert earlier.name.startswith(f"{SELF} at {folder.name}")
        assert archiver in earlier.build
        assert server in earlier.command
        assert (folder / "scripts").is_dir()
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", folder], cwd=ROOT, check=True)


def test_a_commit_without_a_server_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot be checked out"):
        lineup.at(LISTS, "no-such-commit")
