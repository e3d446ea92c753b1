"""The contents of the images."""

import hashlib
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from server.store.paths import ROOT
from tests.support.containers import GIVEN, PAGE, SERVER, TAG, in_image, inspect, output, run

pytestmark = pytest.mark.usefixtures("images")

BOTH = pytest.mark.parametrize("image", [SERVER, PAGE])
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
# Bytes of the unpacked image, including its base.
SIZE_LIMIT = 950_000_000


@BOTH
def test_the_image_says_what_it_is_and_runs_as_a_number_that_is_not_root(image: str) -> None:
    found = inspect(image)
    user, labels = found["Config"]["User"], found["Config"]["Labels"]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    name = "org.opencontainers.image."
    assert labels[f"{name}title"] == image.partition(":")[0]
    assert labels[f"{name}version"] == PROJECT["project"]["version"]
    assert labels[f"{name}revision"] == output(["git", "rev-parse", "HEAD"])
    assert labels[f"{name}licenses"] == "Apache-2.0"
    # Cloud Run's platform, or the engine's own.
    own = output(["docker", "version", "--format", "{{.Server.Os}}/{{.Server.Arch}}"])
    assert f"{found['Os']}/{found['Architecture']}" == ("linux/amd64" if GIVEN else own)


@BOTH
def test_the_user_can_write_to_the_temporary_folder_and_nowhere_else(image: str) -> None:
    code = "import os; print([f for f, _, _ in os.walk('/') if os.access(f, os.W_OK)])"
    folders = json.loads(in_image(image, "python", "-c", code).replace("'", '"'))
    own = ("/proc", "/dev", "/sys")
    assert {f for f in folders if not f.startswith(own)} <= {
        "/tmp",  # noqa: S108 (the one folder that may be written to)
        "/var/tmp",  # noqa: S108 (Debian's own)
        "/run/lock",
    }


@BOTH
def test_what_builds_installs_or_tests_is_not_there(image: str) -> None:
    tools = "pip pip3 uv gcc cc g++ make strip git python"
    code = f"for tool in {tools}; do command -v $tool; done"
    assert in_image(image, "sh", "-c", code) == "/app/.venv/bin/python"
    names = ["pip", "ensurepip", "uv", "pytest", "torch.test", "numpy.tests", "model_archiver"]
    code = (
        "from importlib.util import find_spec\n"
        "def there(name):\n"
        "    try: return find_spec(name) is not None\n"
        "    except ModuleNotFoundError: return False\n"
        f"print([n for n in {names} if there(n)])"
    )
    assert in_image(image, "python", "-c", code) == "[]"


@BOTH
def test_every_compiled_module_can_be_imported(image: str) -> None:
    """The build removes libraries and symbols."""
    code = (
        "import importlib, pathlib, sysconfig\n"
        "site = pathlib.Path(sysconfig.get_path('purelib'))\n"
        "for file in [*site.rglob('*.cpython-*.so'), *site.rglob('*.abi3.so')]:\n"
        "    *folders, name = file.relative_to(site).parts\n"
        "    try: importlib.import_module('.'.join([*folders, name.partition('.')[0]]))\n"
        "    except ImportError as error: print(error)"
    )
    assert in_image(image, "python", "-c", code) == "No module named 'tkinter'"


def test_the_folders_hold_what_runs_and_the_archive_that_is_built_outside(store: Path) -> None:
    assert in_image(SERVER, "ls", "-A", "/app").split() == [
        *(".venv", "LICENSE", "config.properties", "model_store", "server")
    ]
    assert in_image(PAGE, "ls", "-A", "/app").split() == [*(".venv", "LICENSE", "frontend")]
    assert in_image(SERVER, "ls", "-A", "/app/model_store") == "doubleit-1.0.mar"
    outside = hashlib.sha256((store / "doubleit-1.0.mar").read_bytes()).hexdigest()
    assert in_image(SERVER, "sha256sum", "model_store/doubleit-1.0.mar").split()[0] == outside


def test_the_server_image_is_small_with_the_locked_torch_s_cpu_build() -> None:
    assert inspect(SERVER)["Size"] <= SIZE_LIMIT
    (torch,) = PROJECT["dependency-groups"]["torch"]
    code = (
        "import torch, importlib.metadata as m\n"
        "print(torch.__version__, torch.version.cuda)\n"
        "print([d.name for d in m.distributions() if d.name.startswith(('nvidia', 'triton'))])"
    )
    version = torch.removeprefix("torch==")
    assert in_image(SERVER, "python", "-c", code) == f"{version}+cpu None\n[]"


@pytest.mark.skipif(bool(GIVEN), reason="the images are given: nothing is built")
def test_an_archive_with_other_bytes_is_an_error() -> None:
    done = run(["make", "images"], {"TAG": "broken", "ARCHIVE_SHA256": "0" * 64})
    assert done.returncode != 0
    assert "doubleit-1.0.mar: FAILED" in done.stderr


def test_sizes_and_starts_are_printed() -> None:
    figures = output(
        [sys.executable, "-m", "scripts.bench.image_figures", "--tag", TAG, "--rounds", "1"]
    )
    print(figures)  # noqa: T201 (with -s, for docs/containers.md)
    row = r"^\| `(\S+)` +(?:\| +\d+ MB ){2}(?:\| +[\d.]+ s ){2}\|$"
    assert re.findall(row, figures, re.MULTILINE) == ["doubleit-torchserve", "doubleit-frontend"]
