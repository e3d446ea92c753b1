"""Rolling out versions of another model: the smoke requests follow from its metadata."""

from pathlib import Path

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


def test_smoke_requests_follow_from_the_metadata_and_the_example_of_an_archive(
    only_one: Operator, tmp_path: Path
) -> None:
    wide = ("--name", "wide")
    for version, seed, answer in (("1.0", 1, ""), ("2.0", 2, ""), ("3.0", 1, "%.4f")):
        add(tmp_path, only_one.store, version, seed, answer)
    only_one.do(*wide, "register", "1.0")
    # Other weights, and then the same, with code and an example.
    assert only_one.refused(*wide, "rollout", "2.0").startswith(
        '2.0 failed the smoke check on {"instances": [{"dense": '
    )
    assert only_one.do(*wide, "rollout", "3.0").splitlines()[1:3] == [
        "wide 3.0 responds to 2 smoke requests as 1.0 does",
        "wide 3.0 is the default",
    ]
    add(tmp_path, only_one.store, "4.0", 1, "now %.4f")
    message = only_one.refused(*wide, "rollout", "4.0")
    assert message.startswith("4.0 failed the smoke check on 5 bytes of text/csv: expected 200 ")
    assert "got 200 now " in message
