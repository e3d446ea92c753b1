"""Which archives a server loads, by its model store and its command line."""

import json
from pathlib import Path

import pytest

from server.__main__ import find_archives
from server.settings import read
from server.store.archive import ArchiveError
from server.store.records import RecordError
from tests.unit.server.store.test_archive import manifest_of, write

OTHER = {
    "default": "2.0",
    "previous": None,
    "versions": {v: {"workers": 3} for v in ("1.0", "2.0")},
}


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with two versions of two models, a record of one of them, and another JSON file."""
    for name in ("m", "other"):
        for version in ("1.0", "2.0"):
            file = tmp_path / f"{name}-{version}.mar"
            write(file, manifest_of(modelName=name, modelVersion=version), "m.pt", "handler.py")
    (tmp_path / "other.json").write_text(json.dumps(OTHER))
    (tmp_path / "labels.json").write_text('["cat", "dog"]')
    return tmp_path


def archives(store: Path, names: str, version: str) -> list[tuple[str, str, int | None]]:
    chosen = find_archives(read(names, version, {"MODEL_STORE": str(store)}))
    assert all(it.path == store / f"{it.name}-{it.version}.mar" for it in chosen)
    return [(it.name, it.version, it.workers) for it in chosen]


@pytest.mark.parametrize("names", ["m", "m,other", "m, other,m"])
def test_named_models_come_first_and_records_decide(store: Path, names: str) -> None:
    recorded = [("other", "2.0", 3), ("other", "1.0", 3)]
    assert archives(store, names, "1.0") == [("m", "1.0", None), *recorded]
    assert archives(store, names, "2.0") == [("m", "2.0", None), *recorded]
    assert archives(store, "other", "7.0") == recorded
    (store / "other.json").unlink()
    both = names != "m"
    assert archives(store, names, "1.0") == [("m", "1.0", None), ("other", "1.0", None)][: 1 + both]


@pytest.mark.parametrize("names", ["", "m,", ",m", "m,,other", "m;other", "m,../other"])
def test_what_is_no_list_of_names_is_refused(store: Path, names: str) -> None:
    with pytest.raises(ArchiveError, match="is not a model name"):
        archives(store, names, "1.0")


def test_a_record_whose_archive_is_missing_is_refused(store: Path) -> None:
    for version in ("1.0", "2.0"):
        (store / f"other-{version}.mar").unlink()
    with pytest.raises(RecordError) as error:
        archives(store, "m", "1.0")
    assert str(error.value) == (
        f"{store}/other-2.0.mar is missing: build it with make archive. {store}/other.json names "
        "this version: remove that file to start without it"
    )
