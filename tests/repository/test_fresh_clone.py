"""Every Make target works in a fresh clone and does not rely on the results of other targets."""

import re
import shutil
from pathlib import Path

import pytest

from tests.support.containers import output
from tests.support.repository import name, targets, tracked

# Programs that serve DoubleIt from model_store/, so they need its archive and the start-up cache.
# Other test suites package their own archives.
SERVES = re.compile(r"-m (server|scripts\.(bench(\.\w+)?|dev\.up))( |$)|pytest.* tests/images")
# For the commands of each environment, the command that creates it.
ENVIRONMENTS = {".venv/bin/": "scripts/dev/setup.sh", ".venv-lint/bin/": "VENV=.venv-lint"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the tracked files, without build results."""
    folder = tmp_path_factory.mktemp("clone")
    for path in tracked():
        copy = folder / name(path)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return folder


@pytest.mark.parametrize("target", sorted(targets() - {"help", "clean"}))
def test_a_target_alone_builds_what_it_runs(clone: Path, target: str) -> None:
    lines = output(["make", "--directory", str(clone), "--dry-run", target]).splitlines()
    for number, line in enumerate(lines):
        before = "\n".join(lines[:number])
        for program, made_by in ENVIRONMENTS.items():
            if re.search(rf"(?<!\S){re.escape(program)}", line):
                assert made_by in before, line
        if SERVES.search(line):
            assert "scripts.model.archiver" in before, line
            assert "server.torchserve.start_cache" in before, line
