from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import torch
import typer
import yaml

from scripts.model import archiver
from scripts.model.torchscript import DEFAULT
from scripts.store import archive
from scripts.store.paths import ROOT
from tests.support import models


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_same_inputs_give_the_same_bytes_wherever_and_whenever(tmp_path: Path) -> None:
    digests = set()
    for place in ("one", "another/place"):
        clone = tmp_path / place
        clone.mkdir(parents=True)
        for part in ("handler", "scripts"):
            subprocess.run(["cp", "-r", ROOT / part, clone], check=True)
            os.utime(
                clone / part / "__init__.py" if part == "scripts" else clone / part / "handler.py"
            )
        subprocess.run(
            [sys.executable, "-m", "scripts.model.archiver"],
            cwd=clone,
            check=True,
            capture_output=True,
        )
        digests.add(digest(clone / "model_store/doubleit-1.0.mar"))
        time.sleep(1.1)  # times in a zip file are whole seconds
    assert len(digests) == 1


def test_versions_lie_side_by_side(torchscript: Path, tmp_path: Path) -> None:
    for version in ("1.0", "2.0"):
        archiver.package(torchscript, "doubleit", version, archiver.CONFIG, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["doubleit-1.0.mar", "doubleit-2.0.mar"]
    assert archive.find(tmp_path, "doubleit", "2.0").version == "2.0"


def test_the_archive_holds_the_model_unchanged(torchscript: Path, store: Path) -> None:
    with zipfile.ZipFile(store / "doubleit-1.0.mar") as mar:
        assert mar.read("doubleit.pt") == torchscript.read_bytes()
        held = set(mar.namelist())
    assert {str(p.relative_to(ROOT / "handler")) for p in (ROOT / "handler").rglob("*.py")} < held


@pytest.mark.parametrize(
    ("name", "version"), [("a/b", "1.0"), ("", "1.0"), ("a", "one"), ("a", "1/2")]
)
def test_names_that_cannot_stand_in_an_address_are_refused(
    torchscript: Path, tmp_path: Path, name: str, version: str
) -> None:
    with pytest.raises(typer.BadParameter):
        archiver.package(torchscript, name, version, archiver.CONFIG, tmp_path)


def test_a_missing_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(typer.BadParameter, match="is missing"):
        archiver.package(tmp_path / "no.pt", "a", "1.0", archiver.CONFIG, tmp_path)


def test_settings_beside_the_model_go_into_its_archive(tmp_path: Path) -> None:
    model = models.save(models.Difference(), tmp_path / "m.pt", "model: {threads: 2}\n")
    archiver.main("difference", "1.0", model, None, tmp_path)
    with zipfile.ZipFile(tmp_path / "difference-1.0.mar") as mar:
        assert yaml.safe_load(mar.read("model-config.yaml"))["model"] == {"threads": 2}


def test_without_settings_nothing_is_promised_for_the_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = models.save(models.Difference(), tmp_path / "m.pt")
    model.with_suffix(".yaml").unlink()
    archiver.main("difference", "1.0", model, None, tmp_path)
    assert "each request is a call of its own" in capsys.readouterr().out
    with zipfile.ZipFile(tmp_path / "difference-1.0.mar") as mar:
        settings = yaml.safe_load(mar.read("model-config.yaml"))
    assert "model" not in settings
    assert settings["batchSize"] == 64


def test_the_model_shows_what_is_inside(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.model.torchscript", tmp_path / "m.pt"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "return torch.mul(numbers, 2)" in done.stdout
    assert "output  tensor([2, 4, 6, 8])" in done.stdout


def test_the_inference_example_prints_the_doubled_numbers(torchscript: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.model.infer", torchscript],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout == "tensor([2, 4, 6, 8])\n"


def test_the_torchscript_file_holds_no_path_of_this_machine(torchscript: Path) -> None:
    with zipfile.ZipFile(torchscript) as file:
        assert not any(str(ROOT).encode() in file.read(name) for name in file.namelist())
    model = torch.jit.load(str(torchscript))
    assert model(torch.tensor([2**61])).tolist() == [2**62]
    assert DEFAULT.name == torchscript.name


def test_an_archive_that_names_what_it_does_not_hold_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "a-1.0.mar"
    model = {"modelName": "a", "modelVersion": "1.0", "serializedFile": "a.pt", "handler": "h.py"}
    with zipfile.ZipFile(path, "w") as mar:
        mar.writestr(archive.MANIFEST, json.dumps({"model": model}))
    with pytest.raises(archive.ArchiveError, match=r"it names a\.pt and does not hold it"):
        archive.read(path)
