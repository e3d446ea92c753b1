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


def wheel(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("uv-9.9.9.data/scripts/uv", content)
    return buffer.getvalue()


def lock(path: Path, data: bytes, url: str) -> Path:
    digest = hashlib.sha256(data).hexdigest()
    path.write_text(
        '[[package]]\nname = "torch"\nversion = "1"\n\n'
        '[[package]]\nname = "uv"\nversion = "9.9.9"\nwheels = [\n'
        + "".join(
            f'    {{ url = "{url}/uv-9.9.9-py3-none-{tag}.whl", hash = "sha256:{digest}" }},\n'
            for tag in fetch_uv.PLATFORMS.values()
        )
        + "]\n"
    )
    return path


def fetch(monkeypatch: pytest.MonkeyPatch, lock_file: Path, folder: Path) -> None:
    monkeypatch.setattr(fetch_uv, "LOCK", lock_file)
    monkeypatch.setattr(fetch_uv, "from_pip", lambda _version: None)
    monkeypatch.setattr(sys, "argv", ["fetch_uv", str(folder)])
    fetch_uv.main()


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder in place of the package index."""
    folder = tmp_path / "index"
    folder.mkdir()
    for tag in fetch_uv.PLATFORMS.values():
        (folder / f"uv-9.9.9-py3-none-{tag}.whl").write_bytes(wheel(b"#!/bin/sh\necho uv 9.9.9\n"))
    return folder


def test_the_locked_wheel_is_unpacked_where_there_is_no_pip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shelf: Path
) -> None:
    data = next(shelf.iterdir()).read_bytes()
    fetch(monkeypatch, lock(tmp_path / "uv.lock", data, shelf.as_uri()), tmp_path / "tools")
    done = subprocess.run([tmp_path / "tools/uv"], check=True, capture_output=True, text=True)
    assert done.stdout == "uv 9.9.9\n"


def test_other_bytes_than_the_locked_ones_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shelf: Path
) -> None:
    with pytest.raises(SystemExit, match=r"is not the one in uv\.lock"):
        fetch(monkeypatch, lock(tmp_path / "uv.lock", b"other", shelf.as_uri()), tmp_path / "tools")
    assert not (tmp_path / "tools").exists()


def test_an_index_out_of_reach_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"cannot download uv 9\.9\.9"):
        fetch(monkeypatch, lock(tmp_path / "uv.lock", b"", "file:///nowhere"), tmp_path / "tools")


def test_a_machine_without_uv_wheels_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(SystemExit, match="no uv for"):
        fetch(monkeypatch, ROOT / "uv.lock", tmp_path / "tools")
    with pytest.raises(SystemExit, match="has no uv wheel"):
        fetch_uv.locked_wheel("", "manylinux")


@pytest.mark.parametrize("tag", fetch_uv.PLATFORMS.values())
def test_the_real_lock_file_names_a_wheel_for_every_platform(tag: str) -> None:
    version, url, digest = fetch_uv.locked_wheel((ROOT / "uv.lock").read_text(), tag)
    assert f"uv-{version}-" in url
    assert len(digest) == 64


def test_pip_gets_the_locked_wheel_or_nothing() -> None:
    version, _, digest = fetch_uv.locked_wheel(
        (ROOT / "uv.lock").read_text(), "manylinux_2_17_x86_64"
    )
    data = fetch_uv.from_pip(version)
    assert data is None or hashlib.sha256(data).hexdigest() == digest
    assert fetch_uv.from_pip("0.0.0.dev999") is None
