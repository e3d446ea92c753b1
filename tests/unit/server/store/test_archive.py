"""Invalid archives lead to one-line errors."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from server.store import archive

MODEL = {
    "modelName": "m",
    "modelVersion": "1.0",
    "serializedFile": "m.pt",
    "handler": "handler.py",
    "modelType": "unknown",
}

ODD: list[Any] = [None, 7, [], {}, True, [[[]]], "x" * 10_000, "a\nb\x1b[31m"]


def manifest_of(**changed: Any) -> bytes:
    return json.dumps({"model": MODEL | changed}).encode()


def write(path: Path, manifest: bytes, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(archive.MANIFEST, manifest)
        for name in names:
            file.writestr(name, b"content")
    return path


def test_an_archive_says_what_it_is(tmp_path: Path) -> None:
    path = write(tmp_path / "m-1.0.mar", manifest_of(), "m.pt", "handler.py")
    assert archive.find(tmp_path, "m", "1.0") == archive.Archive("m", "1.0", path)
    # As torch-model-archiver names it.
    path = path.rename(tmp_path / "m.mar")
    assert archive.find(tmp_path, "m", "1.0") == archive.Archive("m", "1.0", path)
    with pytest.raises(archive.ArchiveError, match=r"m\.mar contains m 1\.0, not m 2\.0"):
        archive.find(tmp_path, "m", "2.0")


@pytest.mark.parametrize(
    ("file", "names", "kind"),
    [
        ("m.pt", [archive.OURS], "torchscript"),
        ("m.pt2", [archive.OURS], "exported"),
        ("m.pt2", [], "foreign"),
        (None, [], "foreign"),
        (7, [archive.OURS], None),
    ],
)
def test_the_kind_of_an_archive(tmp_path: Path, file: Any, names: list[str], kind: str) -> None:
    path = write(tmp_path / "m.mar", manifest_of(serializedFile=file), *names)
    assert archive.kind(path) == kind
    assert archive.kind(tmp_path / "missing.mar") is None


@pytest.mark.parametrize(
    "manifest",
    [
        *(b"", b"[]", b"null", b"7", b'"text"', b"{}", b"\xff\xfe", b"{\x00}", b"{'model': 1}"),
        *(b'{"model": []}', b'{"model": null}', b'{"model": "m"}', b'{"model": {}}'),
        *(b"[" * 100_000, b'{"model":' * 100_000, b"[" * 100_000 + b"]" * 100_000),
        b'{"model": {"modelName": ' + b"9" * 10_000 + b"}}",
        *(
            manifest_of(**{key: value})
            for key in ("modelName", "modelVersion", "handler", "serializedFile")
            for value in ODD
            # A handler may need no file.
            if (key, value) != ("serializedFile", None)
        ),
    ],
)
def test_an_odd_manifest_is_one_line(tmp_path: Path, manifest: bytes) -> None:
    write(tmp_path / "m-1.0.mar", manifest, "m.pt", "handler.py")
    with pytest.raises(archive.ArchiveError) as error:
        archive.find(tmp_path, "m", "1.0")
    message = str(error.value)
    assert message.isprintable()
    assert len(message) < len(str(tmp_path)) + 300


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x05\x06" + bytes(18), b"PK\x03\x04" * 99])
def test_what_is_no_zip_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m-1.0.mar").write_bytes(content)
    with pytest.raises(archive.ArchiveError, match="not a model archive"):
        archive.find(tmp_path, "m", "1.0")


@pytest.mark.parametrize("flip", range(0, 120, 3))
def test_an_archive_with_a_changed_byte_is_one_line_or_the_same(tmp_path: Path, flip: int) -> None:
    path = write(tmp_path / "m-1.0.mar", manifest_of(), "m.pt", "handler.py")
    changed = bytearray(path.read_bytes())
    # Counted from the end, where the zip file's central directory is.
    changed[-1 - flip] ^= 0xFF
    path.write_bytes(changed)
    try:
        assert archive.find(tmp_path, "m", "1.0").name == "m"
    except archive.ArchiveError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("name", "version"),
    [
        *(("n" * 101, "1.0"), ("", "1.0"), ("-n", "1.0"), ("n/..", "1.0")),
        *(("m", "1" * 51), ("m", ""), ("m", "v1"), ("m", "1.0/.."), ("m", "\u0661")),
    ],
)
def test_a_name_that_no_archive_can_have_is_one_line(
    tmp_path: Path, name: str, version: str
) -> None:
    with pytest.raises(archive.ArchiveError) as error:
        archive.find(tmp_path, name, version)
    assert len(str(error.value)) < 300


def test_the_longest_name_and_version_fit_a_file(tmp_path: Path) -> None:
    name, version = "n" * archive.NAME_CHARACTERS, "1" * archive.VERSION_CHARACTERS
    path = tmp_path / archive.file_name(name, version)
    write(path, manifest_of(modelName=name, modelVersion=version), "m.pt", "handler.py")
    assert archive.find(tmp_path, name, version).path == path
