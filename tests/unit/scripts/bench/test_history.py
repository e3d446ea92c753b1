from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.bench import history
from scripts.bench.lineup import SELF
from server.store.paths import ROOT


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
    monkeypatch.setattr(history, "CHECKOUTS", tmp_path)
    earlier = history.at(commit)
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
        history.at("no-such-commit")
