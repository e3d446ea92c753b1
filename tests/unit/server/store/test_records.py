"""The record of versions on disk."""

import os
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest

from server.store import records
from server.store.records import Record, Version

ONE = Record("1.0", None, {"1.0": Version(1)})
TWO = Record("2.0", None, {"1.0": Version(1), "2.0": Version(2)})


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    assert records.load(tmp_path, "m") is None
    records.save(tmp_path, "m", ONE)
    assert records.load(tmp_path, "m") == ONE
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]
    assert (tmp_path / "m.json").stat().st_mode & 0o777 == 0o644


def test_a_new_default_makes_the_old_one_the_previous() -> None:
    rolled_out = TWO.after(ONE)
    assert (rolled_out.default, rolled_out.previous) == ("2.0", "1.0")
    assert TWO.after(rolled_out) == rolled_out
    assert ONE.after(rolled_out).previous == "2.0"
    assert ONE.after(None) == ONE


def test_an_interrupted_write_leaves_the_old_record(tmp_path: Path) -> None:
    records.save(tmp_path, "m", ONE)
    with (
        patch("os.fsync", side_effect=OSError(28, "No space left on device")),
        pytest.raises(records.RecordError, match="cannot write .*/m.json: No space left on device"),
    ):
        records.save(tmp_path, "m", TWO)
    assert records.load(tmp_path, "m") == ONE
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]


def record(workers: str) -> bytes:
    """Return a record with this number of workers."""
    text = '{"default": "1.0", "previous": null, "versions": {"1.0": {"workers": %s}}}'
    return text.replace("%s", workers).encode()


NO_RECORDS: dict[str, Callable[[Path], object]] = {
    **{
        repr(text): lambda file, text=text: file.write_bytes(text)  # type: ignore[misc]
        for text in (
            *(b"", b"[]", b'{"default": "1.0"}', b'{"default": 1}', b"\xff", b"[" * 100_000),
            *map(record, ('"two"', "0", "-1", "1.5", "true", "null", "9" * 5_000, "[" * 100_000)),
            record("1").replace(b'"1.0", "p', b'"3.0", "p'),
            record('1, "more": 1'),
        )
    },
    "a large file": lambda file: file.write_bytes(record("1") + b" " * records.LARGEST_BYTES),
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a link to nothing": lambda file: file.symlink_to("nothing"),
    "a link to itself": lambda file: file.symlink_to(file),
    "a link to a device": lambda file: file.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("make", NO_RECORDS.values(), ids=[name[:40] for name in NO_RECORDS])
def test_what_is_no_record_is_an_error_if_there_is_an_archive(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "m.json")
    assert records.load_all(tmp_path) == {}
    (tmp_path / "m-1.0.mar").touch()
    for read in (records.load_all, lambda store: records.load(store, "m")):
        with pytest.raises(
            records.RecordError, match=r"m.json is not a record of versions: .*remove it"
        ) as error:
            read(tmp_path)
        assert len(str(error.value)) < len(str(tmp_path)) + 200
        assert str(error.value).isprintable()


def test_every_record_is_found_beside_other_files(tmp_path: Path) -> None:
    for name in ("b", "a.1", "A_2"):
        records.save(tmp_path, name, ONE)
    for name in ("-x.json", "x y.json", "[a].json", ".b.json.123", "b.json.old", "b.yaml"):
        (tmp_path / name).write_bytes(record("1"))
    assert records.load_all(tmp_path) == {"A_2": ONE, "a.1": ONE, "b": ONE}
    records.save(tmp_path, "b", None)
    assert sorted(records.load_all(tmp_path)) == ["A_2", "a.1"]
    assert records.load_all(tmp_path / "nowhere") == {}


def test_a_second_change_is_refused_until_the_first_is_over(tmp_path: Path) -> None:
    with (
        records.locked(tmp_path),
        pytest.raises(records.RecordError, match="another command"),
        records.locked(tmp_path),
    ):
        pass
    with records.locked(tmp_path):
        pass
