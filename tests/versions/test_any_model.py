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


def add(store: Path, version: str, seed: int) -> None:
    """Put a version into the store whose weights follow from `seed`."""
    torch.manual_seed(seed)
    model = models.save(zoo.WideAndDeep(), store / f"{version}.pt", SETTINGS)
    archiver.package(model, "wide", version, model.with_suffix(".yaml"), store)


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    store = tmp_path_factory.mktemp("wide")
    for version, seed in (("1.0", 1), ("2.0", 1), ("3.0", 3)):
        add(store, version, seed)
    with Server(store, store / "log", "wide", environment=ONE_WORKER) as server:
        yield Operator(server)


def test_the_same_weights_are_rolled_out(operator: Operator) -> None:
    lines = operator.do("--name", "wide", "rollout", "2.0").splitlines()
    assert lines[1] == "wide 2.0 responds to 2 smoke requests as 1.0 does"
    assert lines[2] == "wide 2.0 is the default"


def test_other_weights_are_refused(operator: Operator) -> None:
    assert operator.refused("--name", "wide", "rollout", "3.0").startswith(
        '3.0 failed the smoke check on {"instances": [{"dense": '
    )


def test_other_weights_are_rolled_out_where_differences_are_accepted(operator: Operator) -> None:
    out = operator.do("--name", "wide", "rollout", "3.0", "--accept-differences")
    assert "wide 3.0 responds to 2 smoke requests with 200" in out
