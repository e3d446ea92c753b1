"""Rolling out versions of another model: the smoke requests follow from its metadata."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from scripts.model import archiver
from tests.models import zoo
from tests.support import models
from tests.support.operators import Operator

SETTINGS = (
    "model:\n  batch: rows\n  inputs:\n    dense: {datatype: FP32, shape: [-1, 8]}\n"
    "    ids: {datatype: INT64, shape: [-1, 3]}\n"
)
WITH_CODE = f"{SETTINGS}  accepts: [text/csv]\n  example: ids.csv\n"
CODE = """
import numpy as np

def preprocess(body, content_type):
    ids = np.array([[*map(int, body.split(b","))]])
    return {{"dense": np.ones((1, 8), np.float32), "ids": ids}}

def postprocess(outputs, parameters):
    return ({answer!r} % outputs["output"].item()).encode(), "application/octet-stream"
"""


def add(folder: Path, store: Path, version: str, seed: int, answer: str) -> None:
    """Put a version into the store: its weights follow from `seed`, its code gives an answer."""
    torch.manual_seed(seed)
    settings = WITH_CODE if answer else SETTINGS
    model = models.save(zoo.WideAndDeep(), folder / f"{version}.pt", settings)
    code, example = folder / "code.py", folder / "ids.csv"
    code.write_text(CODE.format(answer=answer))
    example.write_text("1,2,3")
    archiver.main(
        *("wide", version, model, None, store),
        code=code if answer else None,
        files=str(example) if answer else "",
    )


@pytest.fixture
def wide(only_one: Operator, tmp_path: Path) -> Operator:
    """The operator of a server that also has the version 1.0 of the other model."""
    for version, seed, answer in (
        ("1.0", 1, ""),
        ("2.0", 1, ""),
        ("3.0", 3, ""),
        ("4.0", 1, "%.4f"),
        ("5.0", 1, "now %.4f"),
    ):
        add(tmp_path, only_one.store, version, seed, answer)
    only_one.do("--name", "wide", "register", "1.0")
    return only_one


def test_smoke_requests_follow_from_the_metadata_and_the_example_of_an_archive(
    wide: Operator,
) -> None:
    def rollout(version: str) -> str:
        return wide.do("--name", "wide", "rollout", version)

    def refused(version: str) -> str:
        return wide.refused("--name", "wide", "rollout", version)

    # The same weights, and others.
    assert rollout("2.0").splitlines()[1:3] == [
        "wide 2.0 responds to 2 smoke requests as 1.0 does",
        "wide 2.0 is the default",
    ]
    assert refused("3.0").startswith('3.0 failed the smoke check on {"instances": [{"dense": ')
    # Versions with code and an example.
    assert "wide 4.0 responds to 2 smoke requests as 2.0 does" in rollout("4.0")
    message = refused("5.0")
    assert message.startswith("5.0 failed the smoke check on 5 bytes of text/csv: expected 200 ")
    assert "got 200 now " in message
