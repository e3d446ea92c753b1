"""The contenders, the requests to them, and the checks of their responses."""

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

from scripts.bench import lineup, workloads
from scripts.bench.lineup import CONTENDERS, SELF, contenders
from scripts.bench.workloads import LISTS, Example
from server.store.paths import ROOT


def test_every_folder_is_that_of_a_contender_and_has_pinned_packages() -> None:
    contending = {contender.folder for contender in contenders(LISTS)} - {""}
    assert {path.parent.name for path in CONTENDERS.glob("*/*.py")} == contending
    for folder in contending - {"torchserve"}:
        packages = (CONTENDERS / folder / "requirements.txt").read_text()
        assert re.fullmatch(r"([\w-]+(\[\w+\])?==[\d.]+\n)+", packages)


@pytest.mark.parametrize(
    ("commit", "archiver", "server"),
    [
        ("c837a02", "scripts.build_archive", "scripts.serve"),
        ("0fb26a4", "scripts.model.archiver", "scripts.server"),
    ],
)
def test_an_earlier_commit_is_started_by_the_modules_of_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commit: str, archiver: str, server: str
) -> None:
    if (ROOT / ".git" / "shallow").exists():
        pytest.skip("a shallow clone does not have earlier commits")
    monkeypatch.setattr(lineup, "CHECKOUTS", tmp_path)
    earlier = lineup.at(LISTS, commit)
    folder = Path(earlier.variables["PYTHONPATH"])
    try:
        assert earlier.name.startswith(f"{SELF} at {folder.name}")
        assert archiver in earlier.build
        assert server in earlier.command
        assert "gRPC" not in earlier.routes
        assert (folder / "scripts").is_dir()
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", folder], cwd=ROOT, check=True)


def test_only_the_models_output_is_right() -> None:
    request = workloads.v2(Example("numbers", np.array([1, 2]), np.array([2, 4])), "", "/")
    assert request.mistake(b'{"outputs": [{"data": [2, 4]}]}') == ""
    assert "not the model's output" in request.mistake(b'{"outputs": [{"data": [2, 5]}]}')
    for answer in b"", b"<html>", b"[]", b'{"outputs": []}', b'{"outputs": [{"data": [2]}]}':
        assert "does not have the expected format" in request.mistake(answer)
