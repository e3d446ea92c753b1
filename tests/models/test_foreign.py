"""A TorchScript file of a third party: Silero's voice activity detector, from its package.

It keeps state between calls and resets it when the number of rows changes, which makes responses
predictable. `serving` has one worker per model; with several, each would have its own state.
"""

import itertools
import shutil
from pathlib import Path

import pytest
import torch

from server.store.paths import ROOT
from tests.models.conftest import Serving
from tests.models.forms import FORMS
from tests.models.kinds import Kind, normal, spec

RATE = 16_000
PACKAGE = ROOT / "build" / "silero"


class VoiceDetector(Kind):
    """Is the file of the package, unchanged."""

    def write(self, path: Path) -> None:
        (file,) = PACKAGE.glob("lib/*/site-packages/silero_vad/data/silero_vad.jit")
        shutil.copyfile(file, path)


RATES = {"minimum": RATE, "maximum": RATE}
KIND = VoiceDetector(
    "voice",
    lambda: pytest.fail("it is not built here"),
    {"inputs": {"x": spec("FP32", -1, 512), "sr": RATES}, "outputs": ["speech"]},
    lambda g, n: {"x": normal(g, n, 512), "sr": torch.tensor([RATE])},
    ("speech",),
    bare=False,
    numbers=("sr",),
)


def test_it_returns_what_it_does_without_a_server(serving: Serving) -> None:
    if not (PACKAGE / ".ready").exists():
        pytest.skip("silero-vad is not installed: make contract installs it into build/silero")
    serving.package(KIND)
    serving.register(f"{KIND.name}-1.0.mar")
    module = serving.module(KIND)
    for form, rows in itertools.product(("V1", "V2", "binary"), (1, 3)):
        for count in (rows + 1, rows):
            inputs = KIND.ask(torch.Generator().manual_seed(count), count)
            found = FORMS[form](serving, KIND, inputs)["speech"]
        module.reset_states()
        expected = KIND.answer(module, inputs)["speech"]
        torch.testing.assert_close(torch.as_tensor(found), expected)
