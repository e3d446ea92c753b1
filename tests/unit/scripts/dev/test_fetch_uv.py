"""uv without pip: the locked wheel is downloaded, verified and unpacked."""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts.dev import fetch_uv
from server.store.paths import ROOT

# A wheel for all platforms.
WHEEL = f"uv-9.9.9-py3-none-{'.'.join(fetch_uv.PLATFORMS.values())}.whl"


def fetch(monkeypatch: pytest.MonkeyPatch, folder: Path, locked: bytes | None = None) -> Path:
    """Fetch uv from a folder in place of the package index; return uv's path.

    `locked` is what the lock file has the hash of, the wheel of that folder by default.
    """
    wheel = folder / WHEEL
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("uv-9.9.9.data/scripts/uv", "#!/bin/sh\necho uv 9.9.9\n")
    digest = hashlib.sha256(locked or wheel.read_bytes()).hexdigest()
    (folder / "uv.lock").write_text(
        '[[package]]\nname = "uv"\nversion = "9.9.9"\n'
        f'wheels = [{{ url = "{wheel.as_uri()}", hash = "sha256:{digest}" }}]\n'
    )
    monkeypatch.setattr(fetch_uv, "LOCK", folder / "uv.lock")
    monkeypatch.setattr(fetch_uv, "from_pip", lambda _version: None)
    monkeypatch.setattr(sys, "argv", ["fetch_uv", str(folder / "tools")])
    fetch_uv.main()
    return folder / "tools/uv"


def test_the_locked_wheel_is_unpacked_where_there_is_no_pip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    uv = fetch(monkeypatch, tmp_path)
    assert subprocess.check_output([uv], text=True) == "uv 9.9.9\n"


def test_other_bytes_than_the_locked_ones_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match=r"is not the one in uv\.lock"):
        fetch(monkeypatch, tmp_path, b"other")
    assert not (tmp_path / "tools").exists()


def test_an_index_out_of_reach_and_a_machine_without_uv_are_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no route")

    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    with pytest.raises(SystemExit, match=r"cannot download uv 9\.9\.9: no route"):
        fetch(monkeypatch, tmp_path)
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(SystemExit, match="no uv for"):
        fetch(monkeypatch, tmp_path)


@pytest.mark.parametrize("tag", fetch_uv.PLATFORMS.values())
def test_the_real_lock_file_names_a_wheel_for_every_platform(tag: str) -> None:
    version, url, digest = fetch_uv.locked_wheel((ROOT / "uv.lock").read_text(), tag)
    assert f"uv-{version}-" in url
    assert len(digest) == 64
