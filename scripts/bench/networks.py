"""Two networks with random weights: an image classifier and a model for tabular data."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
import yaml
from torch import nn

from server.store.paths import ROOT

FOLDER = ROOT / "build" / "bench" / "networks"
Floats = npt.NDArray[np.float32]


def _cnn() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 7, stride=4, padding=3), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 100)),
    )


def _mlp() -> nn.Module:
    hidden = [nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(64, 5), nn.Softmax(dim=1))


class Network:
    """A network and the input that is sent to every server.

    Attributes:
        name: its name in URLs.
        title: its name in tables.
        shape: the shape of the input; dimension 0 is the batch.
        path: its TorchScript file.
    """

    def __init__(self, name: str, title: str, make: Callable[[], nn.Module], *shape: int) -> None:
        """Store how to make the network; `build` makes it."""
        self.name, self.title, self.shape, self._make = name, title, shape, make
        self.path = FOLDER / f"{name}.pt"

    def build(self) -> None:
        """Write the TorchScript file and a settings file for this server next to it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torch.jit.save(self._module, str(self.path))
        # `input` is the name of the argument of nn.Sequential.
        taken = {"input": {"datatype": "FP32", "shape": [-1, *self.shape[1:]]}}
        settings = yaml.safe_dump({"model": {"batch": "rows", "inputs": taken}})
        self.path.with_suffix(".yaml").write_text(settings)

    @cached_property
    def _module(self) -> torch.jit.ScriptModule:
        torch.manual_seed(7)
        return torch.jit.script(self._make().eval())

    @cached_property
    def input(self) -> Floats:
        """The input, distributed like the pixels of a normalised image."""
        return np.random.default_rng(7).normal(size=self.shape).astype(np.float32)

    @cached_property
    def output(self) -> Floats:
        """The network's output for the input."""
        with torch.inference_mode():
            answer: Floats = self._module(torch.from_numpy(self.input)).numpy()
        return answer


CNN = Network("cnn", "an image, [1, 3, 224, 224]", _cnn, 1, 3, 224, 224)
MLP = Network("mlp", "64 rows of 20", _mlp, 64, 20)
NETWORKS = [CNN, MLP]
