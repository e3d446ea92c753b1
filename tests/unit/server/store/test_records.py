"""The record of versions on disk."""

from __future__ import annotations

import os
from pathlib import Path

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


def test_an_interrupted_write_leaves_the_old_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.save(tmp_path, "m", ONE)

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        records.RecordError, match=r"cannot write .*/m.json: No space left on device"
    ):
        records.save(tmp_path, "m", TWO)
    assert records.load(tmp_path, "m") == ONE
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]


def test_a_store_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(records.RecordError, match="cannot write"):
        records.save(tmp_path / "nowhere", "m", ONE)


@pytest.mark.parametrize("text", ["", "[]", '{"default": "1.0"}', '{"default": 1}', "\xff"])
def test_what_is_no_record_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text, encoding="latin-1")
    with pytest.raises(
        records.RecordError, match=r"m.json is not a record of versions: .*remove it"
    ):
        records.load(tmp_path, "m")


def test_a_second_change_is_refused_until_the_first_is_over(tmp_path: Path) -> None:
    with (
        records.locked(tmp_path),
        pytest.raises(records.RecordError, match="another command"),
        records.locked(tmp_path),
    ):
        pass
    with records.locked(tmp_path):
        pass
