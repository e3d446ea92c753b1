"""The soak against a real server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from server.store.paths import ROOT
from tests.support.measuring import COVERAGE


def test_a_short_soak_runs_and_is_drawn(tmp_path: Path, store: Path) -> None:
    picture = tmp_path / "soak.svg"
    done = subprocess.run(
        [sys.executable, "-m", "scripts.soak", "--minutes", "0.1", "--plot", picture],
        cwd=ROOT,
        env={**os.environ, **COVERAGE, "MODEL_STORE": str(store)},
        capture_output=True,
        text=True,
        check=False,
    )
    # Six seconds are too short to tell growth; each request has to be answered all the same.
    assert " 0 failed or wrong" in done.stdout, done.stdout + done.stderr
    assert "file descriptors" in done.stdout
    assert picture.read_text().startswith("<?xml")
    assert picture.stat().st_size < 150 * 1024
