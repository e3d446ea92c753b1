"""uv without pip: the locked wheel is downloaded, verified and unpacked."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts.dev import fetch_uv
from server.store.paths import ROOT

WHEEL = "uv-9.9.9-py3-none-{}.whl"


def fetch(monkeypatch: pytest.MonkeyPatch, folder: Path, locked: bytes | None = None) -> Path:
    """Fetch uv from a folder in place of the package index; return uv's path.

    `locked` is what the lock file has the hash of, the wheel of that folder by default.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("uv-9.9.9.data/scripts/uv", "#!/bin/sh\necho uv 9.9.9\n")
    digest = hashlib.sha256(buffer.getvalue() if locked is None else locked).hexdigest()
    lock = (
        '[[package]]\nname = "torch"\n\n[[package]]\nname = "uv"\nversion = "9.9.9"\nwheels = [\n'
    )
    for tag in fetch_uv.PLATFORMS.values():
        wheel = folder / WHEEL.format(tag)
        wheel.write_bytes(buffer.getvalue())
        lock += f'    {{ url = "{wheel.as_uri()}", hash = "sha256:{digest}" }},\n'
    (folder / "uv.lock").write_text(f"{lock}]\n")
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
