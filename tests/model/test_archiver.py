import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from scripts.model import archiver, infer
from scripts.model import torchscript as torchscript_file
from server.store.archive import ArchiveError
from server.store.paths import ROOT
from tests.support import hooks, models


def test_the_same_inputs_give_the_same_bytes_wherever_and_whenever(
    tmp_path: Path, torchscript: Path, store: Path
) -> None:
    clone = tmp_path / "another/place"
    for part in ("examples", "handler", "scripts", "server"):
        shutil.copytree(ROOT / part, clone / part)
    for path in clone.rglob("*"):
        os.utime(path, (1e9, 1e9))
    command = [sys.executable, "-m", "scripts.model.archiver"]
    output = subprocess.check_output(command, cwd=clone, text=True)
    assert all(part in output for part in ("numbers", "INT64/FP64", "curl"))
    path = clone / "model_store/doubleit-1.0.mar"
    assert path.read_bytes() == (store / "doubleit-1.0.mar").read_bytes()
    with zipfile.ZipFile(path) as archive:
        assert archive.read("doubleit.pt") == torchscript.read_bytes()
        # The time of packaging is in no entry either.
        assert {entry.date_time for entry in archive.infolist()} == {archiver.EPOCH}
        manifest = json.loads(archive.read("MAR-INF/MANIFEST.json"))
        assert manifest["createdOn"] == "01/01/1980 00:00:00"


@pytest.mark.parametrize("settings", [None, "model: {threads: 2}\n", "batchSize: 3\n"])
def test_what_the_settings_leave_out_is_as_doubleits(
    torchscript: Path, tmp_path: Path, settings: str | None
) -> None:
    model = Path(shutil.copyfile(torchscript, tmp_path / "m.pt"))
    if settings:
        model.with_suffix(".yaml").write_text(settings)
    archiver.main("m", "1.0", model, None, tmp_path)
    usual = yaml.safe_load(archiver.CONFIG.read_text())
    del usual["model"]
    given = yaml.safe_load(settings or "{}")
    with zipfile.ZipFile(tmp_path / "m-1.0.mar") as mar:
        assert yaml.safe_load(mar.read("model-config.yaml")) == {**usual, **given}


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ('batchSize: "8"\n', "batchSize"),
        ("model: {inputs: {image: {datatype: FP32}}}\n", "image"),
        ("# Gr\u00f6\u00dfe\n", "UTF-8"),
    ],
)
def test_wrong_settings_are_named_in_one_line(tmp_path: Path, settings: str, named: str) -> None:
    model = models.save(models.Difference(), tmp_path / "m.pt")
    config = model.with_suffix(".yaml")
    config.write_bytes(settings.encode("latin-1"))
    with pytest.raises(ArchiveError) as error:
        archiver.main("difference", "1.0", model, None, tmp_path / "store")
    assert str(error.value).startswith((f"{config}", f"{model} cannot be served: "))
    assert named in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert not (tmp_path / "store").exists()


def test_a_file_that_is_no_model_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, store = tmp_path / "m.pt", tmp_path / "store"
    model.write_bytes(b"not a model")
    monkeypatch.setattr("sys.argv", ["", "--model", str(model), "--store", str(store)])
    with pytest.raises(SystemExit, match="1"):
        archiver.run()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"archive: {model} cannot be served: ")
    assert not store.exists()


def test_an_archive_is_replaced_only_on_request(tmp_path: Path) -> None:
    archive = tmp_path / "m-1.0.mar"
    model = models.save(models.Difference(), tmp_path / "m.pt")
    archiver.main("m", "1.0", model, None, tmp_path)
    before = archive.read_bytes()
    models.save(models.Triple(), model)
    with pytest.raises(ArchiveError, match="FORCE=1"):
        archiver.main("m", "1.0", model, None, tmp_path)
    assert archive.read_bytes() == before
    archiver.main("m", "1.0", model, None, tmp_path, replace=True)
    # The same once more is no change.
    archiver.main("m", "1.0", model, None, tmp_path)
    assert archive.read_bytes() != before
    assert not list(tmp_path.glob("*.partial"))


def test_the_model_shows_what_is_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["", str(tmp_path / "m.pt")])
    torchscript_file.main()
    output = capsys.readouterr().out
    assert "return torch.mul(numbers, 2)" in output
    assert "output  tensor([2, 4, 6, 8])" in output
    infer.main()
    assert capsys.readouterr().out == "tensor([2, 4, 6, 8])\n"


EXAMPLE = "example: m.csv\n"


@pytest.mark.parametrize(
    ("files", "settings", "message"),
    [
        ({"m.csv": "bug"}, EXAMPLE, "m.csv gets status 500: preprocess failed: KeyError"),
        ({"a/m.csv": "", "b/m.csv": ""}, "", "FILES has two files of the name m.csv"),
        ({"settings.py": ""}, "", "settings.py has the name of another module: rename it"),
        ({"no": None}, "", "no is missing"),
    ],
)
def test_code_that_does_not_go_into_an_archive(
    tmp_path: Path, files: dict[str, str | None], settings: str, message: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if text is not None:
            (tmp_path / name).write_text(text)
    with pytest.raises(ArchiveError, match=message):
        hooks.package(tmp_path, *(str(tmp_path / name) for name in files), settings=settings)
    assert not list(tmp_path.glob("*.mar"))


def test_the_example_of_the_settings_is_tried_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.csv").write_text("1,2,3")
    hooks.package(tmp_path, str(tmp_path / "m.csv"), settings=EXAMPLE)
    *_, command, answer = capsys.readouterr().out.splitlines()
    assert command.startswith(f"curl -H 'Content-Type: text/csv' --data-binary @{tmp_path}/m.csv")
    assert answer == 'application/json: {"sum":6.0,"product":6.0}'
