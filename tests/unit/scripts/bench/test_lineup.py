from __future__ import annotations

import re
import zipfile
from pathlib import Path

import yaml

from scripts.bench import process
from scripts.bench.environments import CONTENDERS, torch_version
from scripts.bench.lineup import ALL, BASELINE, SELF, STOCK, own


def test_each_contender_has_code_and_pinned_packages() -> None:
    for folder in {contender.folder for contender in ALL} - {""}:
        lines = (CONTENDERS / folder / "requirements.txt").read_text().splitlines()
        assert lines
        assert all(re.fullmatch(r"[\w.-]+(\[\w+\])?==[\w.+!]+", line) for line in lines), folder


def test_each_folder_takes_part() -> None:
    folders = {path.name for path in CONTENDERS.iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} == {c.folder for c in ALL} - {""}


def test_names_are_unique_and_the_goals_find_theirs() -> None:
    names = [contender.name for contender in ALL]
    assert len(set(names)) == len(names)
    assert {SELF, BASELINE, STOCK} <= set(names)


def test_torch_is_this_projects() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", torch_version())


def test_this_server_takes_part_with_another_batch_size() -> None:
    other = own(3)
    assert other.name == f"{SELF}, batchSize 3"
    process.build(other)
    with zipfile.ZipFile(Path(other.names()["work"]) / "doubleit-1.0.mar") as archive:
        settings = yaml.safe_load(archive.read("model-config.yaml"))
    assert settings["batchSize"] == 3
    assert own(64) in ALL
