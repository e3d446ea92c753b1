"""Rolling out versions of another model: the smoke requests follow from its metadata."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from scripts.model import archiver
from tests.models import zoo
from tests.support import models
from tests.support.operators import ONE_WORKER, Operator
from tests.support.server import Server

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


def add(store: Path, version: str, seed: int, answer: str = "") -> None:
    """Put a version into the store: its weights follow from `seed`, its code gives an answer."""
    torch.manual_seed(seed)
    settings = WITH_CODE if answer else SETTINGS
    model = models.save(zoo.WideAndDeep(), store / f"{version}.pt", settings)
    code, example = store / "code.py", store / "ids.csv"
    code.write_text(CODE.format(answer=answer))
    example.write_text("1,2,3")
    archiver.main(
        *("wide", version, model, None, store),
        code=code if answer else None,
        files=str(example) if answer else "",
    )


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    store = tmp_path_factory.mktemp("wide")
    for version, seed in (("1.0", 1), ("2.0", 1), ("3.0", 3)):
        add(store, version, seed)
    for version, answer in (("4.0", "%.4f"), ("5.0", "%.4f"), ("6.0", "now %.4f")):
        add(store, version, 3, answer)
    with Server(store, store / "log", "wide", environment=ONE_WORKER) as server:
        yield Operator(server)


def test_the_same_weights_are_rolled_out_and_others_refused(operator: Operator) -> None:
    lines = operator.do("--name", "wide", "rollout", "2.0").splitlines()
    assert lines[1] == "wide 2.0 responds to 2 smoke requests as 1.0 does"
    assert lines[2] == "wide 2.0 is the default"
    assert operator.refused("--name", "wide", "rollout", "3.0").startswith(
        '3.0 failed the smoke check on {"instances": [{"dense": '
    )


def test_versions_with_code_are_compared_by_the_example_of_their_archive(
    operator: Operator,
) -> None:
    out = operator.do("--name", "wide", "rollout", "4.0", "--accept-differences")
    assert "wide 4.0 responds to 2 smoke requests with 200" in out
    out = operator.do("--name", "wide", "rollout", "5.0")
    assert "wide 5.0 responds to 3 smoke requests as 4.0 does" in out
    message = operator.refused("--name", "wide", "rollout", "6.0")
    assert message.startswith("6.0 failed the smoke check on 5 bytes of text/csv: expected 200 ")
    assert "got 200 now " in message
