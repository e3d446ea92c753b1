"""A virtual environment for each contender, with the versions in its requirements.txt."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from server.store.paths import ROOT

ENVIRONMENTS = ROOT / "build" / "bench"
# Time limit for an installation.
LIMIT_SECONDS = 900


class NotInstallable(Exception):  # noqa: N818 (a result of the benchmark, not its failure)
    """The packages cannot be installed here; the message is the installer's last line."""


def prepare(requirements: Path, python: str = "") -> Path:
    """Create a virtual environment and return its folder of programs.

    It has `requirements` and the build of torch that this environment has. All packages are
    compiled to bytecode, as in this project's own environment, so that start-up times are
    comparable.

    Args:
        requirements: a requirements.txt; the environment is named after its folder.
        python: an interpreter to use instead of the current one, if it exists.

    Raises:
        NotInstallable: a package has no wheel for this machine, or no index can be reached.
    """
    folder = ENVIRONMENTS / requirements.parent.name
    base = python if python and Path(python).is_file() else sys.executable
    torch = f"torch=={version('torch')}"
    contents = "\n".join([requirements.read_text(), torch, base])
    stamp = folder / "installed"
    if not (stamp.is_file() and stamp.read_text() == contents):
        shutil.rmtree(folder, ignore_errors=True)
        links = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS")
        source = ["--find-links", links] if links else ["--torch-backend", "cpu"]
        install = ["pip", "install", "--compile-bytecode", "--python", str(folder / "bin/python")]
        _uv("venv", "--python", base, str(folder))
        _uv(*install, *source, torch, "--constraint", str(requirements))
        _uv(*install, "--requirements", str(requirements))
        stamp.write_text(contents)
    return folder / "bin"


def _uv(*arguments: str) -> None:
    uv = shutil.which("uv") or str(ROOT / ".tools" / "uv")
    command = [uv, "--quiet", *arguments]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_SECONDS)
    except subprocess.CalledProcessError as error:
        raise NotInstallable(" ".join(error.stderr.split())[:300] or str(error)) from None
    except subprocess.TimeoutExpired:
        raise NotInstallable(f"not installed after {LIMIT_SECONDS} s") from None
