"""A TorchScript file of a third party: Silero's voice activity detector, from its package.

It keeps state between calls and resets it when the number of rows changes, which makes responses
predictable. `serving` has one worker per model; with several, each would have its own state.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor

from server.store.paths import ROOT
from tests.models.forms import FORMS
from tests.models.kinds import Kind, Tensors, normal, spec
from tests.models.serving import Serving

RATE = 16_000
PACKAGE = ROOT / "build" / "silero"


def ask(generator: Generator, rows: int) -> Tensors:
    """Return windows of audio and their sampling rate."""
    return {"x": normal(generator, rows, 512), "sr": torch.tensor([RATE])}


class VoiceDetector(Kind):
    """Is the file of the package."""

    def save(self, folder: Path) -> Path:
        """Copy the file of the package unchanged."""
        (file,) = PACKAGE.glob("lib/*/site-packages/silero_vad/data/silero_vad.jit")
        path = folder / f"{self.name}.pt"
        self.write_settings(path)
        return Path(shutil.copyfile(file, path))


RATES = {"minimum": RATE, "maximum": RATE}
KIND = VoiceDetector(
    "voice",
    lambda: pytest.fail("it is not built here"),
    {"inputs": {"x": spec("FP32", -1, 512), "sr": RATES}, "outputs": ["speech"]},
    ask,
    ("speech",),
    bare=False,
    numbers=("sr",),
)


@pytest.mark.parametrize("form", ["V1", "V2", "binary"])
@pytest.mark.parametrize("rows", [1, 3])
def test_it_returns_what_it_does_without_a_server(serving: Serving, form: str, rows: int) -> None:
    if not (PACKAGE / ".ready").exists():
        pytest.skip("silero-vad is not installed: make contract installs it into build/silero")
    module = serving.module(KIND)
    write, read = FORMS[form]
    found: Tensor | None = None
    for count in (rows + 1, rows):
        inputs = ask(torch.Generator().manual_seed(count), count)
        answer = serving.send(write(KIND, inputs))
        assert answer.status_code == 200, answer.text
        found = torch.as_tensor(read(KIND, answer)["speech"])
    module.reset_states()
    torch.testing.assert_close(found, KIND.answer(module, inputs)["speech"])
