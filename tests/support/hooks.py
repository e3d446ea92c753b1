"""An archive with code beside its model, for the tests."""

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from scripts.model import archiver
from tests.support import models

SETTINGS = """
responseTimeout: 5
model:
  batch: rows
  inputs:
    x: {datatype: FP32, shape: [-1, 2], columns: [a, b]}
    k: {datatype: INT64, shape: [-1], minimum: 0, maximum: 9}
  outputs: {y: {labels: names.txt}, parity: {labels: [even, odd]}}
  accepts: [text/csv, image/*]
"""

# Reads "a,b,k" as a row. Other texts make it fail in all the ways in which code fails.
CODE = """
import time
from pathlib import Path

import torch

import beside

NAMES = Path(__file__).with_name("names.txt").read_text().split()


def preprocess(body, content_type):
    text = body.decode()
    if text == "bug":
        return {}["missing"]
    if text == "exit":
        raise SystemExit(3)
    if text.startswith("sleep"):
        time.sleep(float(text[5:]))
        text = "1,2,3"
    if text in beside.BAD:
        return beside.BAD[text]
    a, b, k = text.split(",")
    return {"x": torch.tensor([[float(a), float(b)]]), "k": torch.tensor([int(k)])}


def postprocess(outputs, parameters):
    found = {name: outputs["y"][0, i].item() for i, name in enumerate(NAMES)}
    if found["sum"] == 13:
        raise ValueError("13 brings bad luck")
    if found["sum"] == 15:
        return b"sum,product\\n15,0\\n", "text/csv"
    outputs["y"].zero_()
    return {**found, **parameters}
"""

BESIDE = """
import numpy as np
import torch

X, K = np.ones((1, 2), np.float32), np.ones(1, int)
BAD = {
    "names": {"x": X, "other": K},
    "list": [X, K],
    "type": {"x": "one", "k": K},
    "kind": {"x": X, "k": torch.ones(1)},
    "shape": {"x": np.ones((1, 3)), "k": K},
    "nan": {"x": X * np.nan, "k": K},
}
"""


class Both(nn.Module):
    """Adds and multiplies the two numbers of each row, and k; tells whether k is odd."""

    def forward(self, x: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        rows = torch.stack([x.sum(1) + k, x.prod(1) * k], 1)
        return rows, k % 2


def package(store: Path, *files: str, settings: str = "") -> None:
    """Make the archive hooks-1.0.mar in `store`, with more files and more of the key `model`."""
    folder = store / "sources"
    folder.mkdir()
    texts = {
        "m.yaml": f"{SETTINGS}  {settings}\n",
        "own.py": CODE,
        "beside.py": BESIDE,
        "names.txt": "sum\nproduct\n",
    }
    model = models.save(Both(), folder / "m.pt")
    for file, text in texts.items():
        (folder / file).write_text(text)
    beside = [*(str(folder / name) for name in ("beside.py", "names.txt")), *files]
    path = [*sys.path]
    try:
        archiver.main(
            "hooks", "1.0", model, None, store, code=folder / "own.py", files=",".join(beside)
        )
    finally:
        # A worker has the code of one archive; this process may make several.
        sys.path[:] = path
        sys.modules.pop("beside", None)
