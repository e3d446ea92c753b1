from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch
import yaml

from scripts.model import archiver, infer
from scripts.model import torchscript as torchscript_file
from scripts.model.torchscript import DEFAULT
from server.store.archive import ArchiveError
from server.store.paths import ROOT
from tests.support import hooks, models
from tests.unit.handler import modules


def test_the_same_inputs_give_the_same_bytes_wherever_and_whenever(
    tmp_path: Path, store: Path
) -> None:
    clone = tmp_path / "another/place"
    for part in ("examples", "handler", "scripts", "server"):
        shutil.copytree(ROOT / part, clone / part)
    for path in clone.rglob("*"):
        os.utime(path, (1e9, 1e9))
    command = [sys.executable, "-m", "scripts.model.archiver"]
    subprocess.run(command, cwd=clone, check=True, capture_output=True)
    path = clone / "model_store/doubleit-1.0.mar"
    assert path.read_bytes() == (store / "doubleit-1.0.mar").read_bytes()
    # The time of packaging is in no entry either.
    with zipfile.ZipFile(path) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {archiver.EPOCH}
        manifest = json.loads(archive.read("MAR-INF/MANIFEST.json"))
        assert manifest["createdOn"] == "01/01/1980 00:00:00"


def test_the_archive_holds_the_model_unchanged(torchscript: Path, store: Path) -> None:
    with zipfile.ZipFile(store / "doubleit-1.0.mar") as mar:
        assert mar.read("doubleit.pt") == torchscript.read_bytes()
        held = set(mar.namelist())
    assert {str(p.relative_to(ROOT / "handler")) for p in (ROOT / "handler").rglob("*.py")} < held


@pytest.mark.parametrize("settings", [None, "model: {threads: 2}\n", "batchSize: 3\n"])
def test_what_the_settings_leave_out_is_as_doubleits(tmp_path: Path, settings: str | None) -> None:
    model = models.save(models.Difference(), tmp_path / "m.pt")
    model.with_suffix(".yaml").unlink()
    if settings:
        model.with_suffix(".yaml").write_text(settings)
    archiver.main("difference", "1.0", model, None, tmp_path)
    usual = yaml.safe_load(archiver.CONFIG.read_text())
    del usual["model"]
    given = yaml.safe_load(settings or "{}")
    with zipfile.ZipFile(tmp_path / "difference-1.0.mar") as mar:
        assert yaml.safe_load(mar.read("model-config.yaml")) == {**usual, **given}


# Returns the exit status of a program, its output and its errors.
Run = Callable[..., tuple[object, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the main function of a program with command-line arguments."""

    def call(program: Callable[[], None], *arguments: str | Path) -> tuple[object, str, str]:
        monkeypatch.setattr("sys.argv", ["program", *map(str, arguments)])
        status: object = 0
        try:
            program()
        except SystemExit as ended:
            status = ended.code
        output, errors = capsys.readouterr()
        return status, output, errors

    return call


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ('batchSize: "8"\n', "batchSize"),
        ("model: {inputs: {numbers: {datatype: FLOAT}}}\n", "datatype"),
        ("model: {inputs: {image: {datatype: FP32}}}\n", "image"),
        ("", "no settings"),
        ("model: {\n", "YAML"),
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


@pytest.mark.parametrize("content", [b"not a model", modules.strings])
def test_what_is_not_served_is_refused_in_one_line(
    run: Run, tmp_path: Path, content: bytes | Callable[..., object]
) -> None:
    model = tmp_path / "m.pt"
    if isinstance(content, bytes):
        model.write_bytes(content)
    else:
        models.save(content, model)
    arguments = ("--model", model, "--name", "m", "--store", tmp_path / "store")
    status, _, errors = run(archiver.run, *arguments)
    assert status == 1
    assert errors.startswith(f"archive: {model} cannot be served: ")
    assert len(errors.splitlines()) == 1
    assert not (tmp_path / "store").exists()


def test_an_archive_is_shown_with_its_inputs_outputs_and_requests(run: Run, tmp_path: Path) -> None:
    status, output, errors = run(archiver.run, "--store", tmp_path)
    assert status == 0, errors
    assert all(part in output for part in ("numbers", "INT64/FP64", "curl"))
    assert (tmp_path / "doubleit-1.0.mar").exists()


def test_an_archive_is_replaced_only_on_request(tmp_path: Path) -> None:
    archives = []
    for module in (models.Difference(), models.Triple()):
        model = models.save(module, tmp_path / "m.pt")
        with suppress(ArchiveError):
            archiver.main("m", "1.0", model, None, tmp_path)
        archives.append((tmp_path / "m-1.0.mar").read_bytes())
    assert archives[0] == archives[1]
    with pytest.raises(ArchiveError, match="FORCE=1"):
        archiver.main("m", "1.0", model, None, tmp_path)
    archiver.main("m", "1.0", model, None, tmp_path, replace=True)
    # The same once more is no change.
    archiver.main("m", "1.0", model, None, tmp_path)
    assert (tmp_path / "m-1.0.mar").read_bytes() != archives[0]
    assert not list(tmp_path.glob("*.partial"))


def test_the_model_shows_what_is_inside(run: Run, tmp_path: Path) -> None:
    _, output, _ = run(torchscript_file.main, tmp_path / "m.pt")
    assert "return torch.mul(numbers, 2)" in output
    assert "output  tensor([2, 4, 6, 8])" in output
    assert run(infer.main, tmp_path / "m.pt")[1] == "tensor([2, 4, 6, 8])\n"


def test_the_torchscript_file_holds_no_path_of_this_machine(torchscript: Path) -> None:
    with zipfile.ZipFile(torchscript) as file:
        assert not any(str(ROOT).encode() in file.read(name) for name in file.namelist())
    model = torch.jit.load(str(torchscript))
    assert model(torch.tensor([2**61])).tolist() == [2**62]
    assert DEFAULT.name == torchscript.name


EXAMPLE = "example: m.csv\n"


@pytest.mark.parametrize(
    ("files", "settings", "message"),
    [
        ({"m.csv": "1,2"}, EXAMPLE, "m.csv gets status 400: not enough values to unpack"),
        ({"m.csv": "bug"}, EXAMPLE, "m.csv gets status 500: preprocess failed: KeyError"),
        ({"a/m.csv": "", "b/m.csv": ""}, "", "FILES has two files of the name m.csv"),
        ({"settings.py": ""}, "", "settings.py has the name of another module: rename it"),
        ({"no/": ""}, "", "no is missing"),
    ],
)
def test_code_that_does_not_go_into_an_archive(
    tmp_path: Path, files: dict[str, str], settings: str, message: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if not name.endswith("/"):
            (tmp_path / name).write_text(text)
    with pytest.raises(ArchiveError, match=message):
        hooks.package(tmp_path, *(str(tmp_path / name) for name in files), settings=settings)
    assert not list(tmp_path.glob("*.mar"))


def test_the_example_of_the_settings_is_tried_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.csv").write_text("1,2,3")
    hooks.package(tmp_path, str(tmp_path / "m.csv"), settings=EXAMPLE)
    printed = capsys.readouterr().out.splitlines()
    assert printed[-2].startswith(
        f"curl -H 'Content-Type: text/csv' --data-binary @{tmp_path}/m.csv"
    )
    assert printed[-1] == 'application/json: {"sum":6.0,"product":6.0}'
