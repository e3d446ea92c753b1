"""The jar of edited classes, made from the installed jar and from other jars."""

import random
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from server.torchserve import jar, java

ENTRIES = [each.entry for each in jar.EDITS]
FILES = [*sorted(jar.COMPILED.glob("*.class")), *sorted(jar.SERVED.iterdir())]
ADDED = [f"doubleit/{path.name}" for path in FILES]


@pytest.fixture(scope="module")
def shipped() -> dict[str, bytes]:
    """The original classes that are edited."""
    installed = java.site_packages() / "ts" / "frontend" / jar.NAME
    with zipfile.ZipFile(installed) as archive:
        return {entry: archive.read(entry) for entry in ENTRIES}


def make(path: Path, classes: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in classes.items():
            archive.writestr(entry, content)
    return path


def read(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {entry: archive.read(entry) for entry in archive.namelist()}


def test_every_class_of_the_installed_jar_is_edited(
    shipped: dict[str, bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "edits.jar"
    assert jar.class_path(make(tmp_path / jar.NAME, shipped), target) == [str(target)]
    edited = read(target)
    assert list(edited) == ENTRIES + ADDED
    assert all(edited[entry] != shipped[entry] for entry in ENTRIES)
    assert capfd.readouterr().err == ""


def test_the_added_classes_are_compiled_from_their_source(tmp_path: Path) -> None:
    javac = shutil.which("javac")
    if not javac or " 17." not in subprocess.check_output([javac, "-version"], text=True):
        pytest.skip("other versions of javac may write other bytes than 17")
    installed = java.site_packages() / "ts" / "frontend" / jar.NAME
    sources = sorted(jar.COMPILED.glob("*.java"))
    options = ["--release", "11", "-g:none", "-cp", str(installed), "-d", str(tmp_path)]
    subprocess.run([javac, *options, *map(str, sources)], check=True)
    compiled = {path.name: path.read_bytes() for path in tmp_path.rglob("*.class")}
    assert compiled == {path.name: path.read_bytes() for path in jar.COMPILED.glob("*.class")}


def test_it_is_made_once_and_again_for_another_table(
    shipped: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = make(tmp_path / jar.NAME, shipped), tmp_path / "edits.jar"
    jar.class_path(source, target)
    first = target.stat()
    jar.class_path(source, target)
    # A new file would have another inode and time, which would invalidate the start-up cache.
    assert (target.stat().st_ino, target.stat().st_mtime_ns) == (first.st_ino, first.st_mtime_ns)
    monkeypatch.setattr(jar, "EDITS", jar.EDITS[:2])
    jar.class_path(source, target)
    assert list(read(target)) == ENTRIES[:2] + ADDED


def test_a_damaged_jar_is_made_again(shipped: dict[str, bytes], tmp_path: Path) -> None:
    source, target = make(tmp_path / jar.NAME, shipped), tmp_path / "edits.jar"
    jar.class_path(source, target)
    whole = target.read_bytes()
    pick = random.Random(1)
    for at in (0, len(whole) - 1, *pick.sample(range(len(whole)), 6)):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << pick.randrange(8)
        for damaged in (flipped, whole[:at], whole[:at] + bytes(len(whole) - at), whole + b"x"):
            target.write_bytes(damaged)
            assert jar.class_path(source, target) == [str(target)]
            assert target.read_bytes() == whole


@pytest.mark.parametrize("edit", jar.EDITS, ids=lambda edit: edit.name.rpartition("/")[2])
@pytest.mark.parametrize("content", [b"another version's", None])
def test_an_unknown_class_is_left_alone_with_a_line_that_says_what_is_missing(
    shipped: dict[str, bytes],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    edit: jar.Edit,
    content: bytes | None,
) -> None:
    classes = {entry: each for entry, each in shipped.items() if entry != edit.entry}
    if content is not None:
        classes[edit.entry] = content
    source, target = make(tmp_path / jar.NAME, classes), tmp_path / "edits.jar"
    # Printed at each start, not only when the jar is made.
    for _ in range(2):
        assert jar.class_path(source, target) == [str(target)]
        assert sorted(read(target)) == sorted({*ENTRIES, *ADDED} - {edit.entry})
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith(edit.entry)
        assert edit.without in line


def test_a_jar_without_any_known_class_stays_as_it_is(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "edits.jar"
    assert jar.class_path(make(tmp_path / jar.NAME, {"A.class": b""}), target) == []
    assert len(capfd.readouterr().err.splitlines()) == len(jar.EDITS)


def test_switched_off_nothing_is_read_or_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(jar.SWITCH, "off")
    assert jar.class_path(tmp_path / "missing.jar", tmp_path / "edits.jar") == []
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err == "TORCHSERVE_EDITS=off: TorchServe runs as shipped\n"


@pytest.mark.parametrize(
    ("source", "target"),
    [("missing.jar", "edits.jar"), ("no.jar", "edits.jar"), ("model-server.jar", "missing/e.jar")],
)
def test_what_cannot_be_read_or_written_is_a_line(
    shipped: dict[str, bytes],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    source: str,
    target: str,
) -> None:
    make(tmp_path / jar.NAME, shipped)
    (tmp_path / "no.jar").write_bytes(b"not a jar")
    assert jar.class_path(tmp_path / source, tmp_path / target) == []
    assert not (tmp_path / target).exists()
    assert "TorchServe runs as shipped, its classes cannot be edited: " in capfd.readouterr().err
