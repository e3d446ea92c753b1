"""A virtual environment for each contender, with the versions in its requirements.txt."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from server.store.paths import ROOT

CONTENDERS = Path(__file__).with_name("contenders")
ENVIRONMENTS = ROOT / "build" / "bench"
# Time limit for an installation.
LIMIT_SECONDS = 900


class NotInstallable(Exception):  # noqa: N818 (a result of the benchmark, not its failure)
    """The packages cannot be installed here; the message is the installer's last line."""


def prepare(requirements: Path, python: str = "") -> Path:
    """Create a virtual environment and return the path of its python.

    It has `requirements` and the CPU build of this project's version of torch.

    All packages are compiled to bytecode, as in this project's own environment, so that start-up
    times are comparable.

    Args:
        requirements: a requirements.txt; the environment is named after its folder.
        python: an interpreter to use instead of the current one, if it exists.

    Raises:
        NotInstallable: a package has no wheel for this machine, or no index can be reached.
    """
    folder = ENVIRONMENTS / requirements.parent.name
    installed = folder / "bin" / "python"
    base = python if python and Path(python).is_file() else sys.executable
    wanted = "\n".join([requirements.read_text(), torch_version(), base])
    stamp = folder / "installed"
    if stamp.is_file() and stamp.read_text() == wanted:
        return installed
    shutil.rmtree(folder, ignore_errors=True)
    _uv("venv", "--python", base, str(folder))
    install = ["pip", "install", "--compile-bytecode", "--python", str(installed)]
    _install_torch([*install, "--constraint", str(requirements)])
    _uv(*install, "--requirements", str(requirements))
    stamp.write_text(wanted)
    return installed


def torch_version() -> str:
    """Return the version of torch in pyproject.toml."""
    found = re.search(r'"torch==([^"]+)"', (ROOT / "pyproject.toml").read_text())
    if not found:
        raise ValueError("pyproject.toml names no torch==VERSION")
    return found[1]


def _install_torch(install: list[str]) -> None:
    """Install torch as scripts/dev/setup.sh does: on Linux the CPU build, without CUDA."""
    if sys.platform != "linux":
        _uv(*install, f"torch=={torch_version()}")
        return
    cpu_build = f"torch=={torch_version()}+cpu"
    links = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS")
    _uv(*install, *(["--find-links", links] if links else ["--torch-backend", "cpu"]), cpu_build)


def _uv(*arguments: str) -> None:
    uv = shutil.which("uv") or str(ROOT / ".tools" / "uv")
    try:
        subprocess.run(
            [uv, "--quiet", *arguments],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        raise NotInstallable(" ".join(error.stderr.split())[:300] or str(error)) from None
    except subprocess.TimeoutExpired:
        raise NotInstallable(f"not installed after {LIMIT_SECONDS} s") from None
