"""The models that the tests serve: how each is saved, its settings and its inputs.

Inputs are a dict of tensors, keyed by the names of the module's arguments. `ask` creates one from a
random generator; inputs that are missing in it are also missing in the request.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Generator, Tensor, nn

from tests.models import zoo
from tests.unit.handler import modules

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Kind:
    """A model that the tests serve.

    Attributes:
        name: its name in URLs.
        build: returns the module; its weights depend only on torch's seed.
        settings: the key `model` of its settings.
        ask: returns the inputs of a request from a random generator and a number of rows.
        outputs: the names of its outputs, in order.
        bare: whether it accepts the bare format: it has one required input, a tensor.
        numbers: the names of the inputs that the module takes as numbers.
        exact: whether its responses are equal to a direct call to the last bit. If requests are
            merged along rows, the last bits of float32 may differ.
    """

    name: str
    build: Callable[[], nn.Module]
    settings: Mapping[str, Any]
    ask: Callable[[Generator, int], Tensors]
    outputs: tuple[str, ...] = ("output",)
    bare: bool = True
    numbers: tuple[str, ...] = ()
    exact: bool = True

    @property
    def rows(self) -> bool:
        """Whether dimension 0 is the batch."""
        return self.settings.get("batch") == "rows"

    def save(self, folder: Path) -> Path:
        """Write the TorchScript file, and its settings beside it."""
        path = folder / f"{self.name}.pt"
        path.with_suffix(".yaml").write_text(yaml.safe_dump({"model": dict(self.settings)}))
        self.write(path)
        return path

    def write(self, path: Path) -> None:
        """Write the TorchScript file."""
        torch.manual_seed(7)
        torch.jit.save(torch.jit.script(self.build().eval()), str(path))

    def answer(self, module: torch.jit.ScriptModule, inputs: Tensors) -> Tensors:
        """Return the outputs of a direct call of the module, by name."""
        values = [
            tensor.item() if name in self.numbers else tensor for name, tensor in inputs.items()
        ]
        with torch.inference_mode():
            found = module(*values)
        if isinstance(found, dict):
            return found
        tensors = found if isinstance(found, tuple | list) else (found,)
        return dict(zip(self.outputs, tensors, strict=True))


def spec(datatype: str, *shape: int) -> dict[str, Any]:
    """Return an input's settings."""
    return {"datatype": datatype, "shape": list(shape)}


def normal(generator: Generator, *shape: int) -> Tensor:
    """Return numbers around zero."""
    return torch.randn(*shape, generator=generator)


def ids(generator: Generator, end: int, *shape: int) -> Tensor:
    """Return integers from zero to below `end`."""
    return torch.randint(end, shape, generator=generator)


def _encoder(g: Generator, n: int) -> Tensors:
    inputs = {"input_ids": ids(g, 100, n, 7)}
    # Every second request has no mask.
    return inputs if n % 2 else {**inputs, "attention_mask": ids(g, 2, n, 7)}


KINDS = [
    Kind(
        "convolution",
        lambda: nn.Sequential(nn.Conv2d(3, 8, 7, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(1)),
        {"batch": "rows", "inputs": {"input": spec("FP32", -1, 3, 224, 224)}},
        lambda g, n: {"input": normal(g, n, 3, 224, 224)},
        exact=False,
    ),
    Kind(
        "classifier",
        modules.Mlp,
        {"batch": "rows", "inputs": {"features": spec("FP32", -1, 4)}},
        lambda g, n: {"features": normal(g, n, 4)},
        ("logits", "label"),
        exact=False,
    ),
    Kind(
        "encoder",
        zoo.Encoder,
        {
            "batch": "rows",
            "inputs": {"input_ids": spec("INT64", -1, -1), "attention_mask": spec("INT64", -1, -1)},
            "outputs": ["logits"],
        },
        _encoder,
        ("logits",),
        exact=False,
    ),
    Kind(
        "detector",
        zoo.Detector,
        {"inputs": {"image": spec("FP32", 3, -1, -1)}},
        lambda g, n: {"image": normal(g, 3, 8 * n, 32)},
        ("boxes", "scores", "labels"),
    ),
    Kind(
        "wide_and_deep",
        zoo.WideAndDeep,
        {"batch": "rows", "inputs": {"dense": spec("FP32", -1, 8), "ids": spec("INT64", -1, 3)}},
        lambda g, n: {"dense": normal(g, n, 8), "ids": ids(g, 50, n, 3)},
        bare=False,
        exact=False,
    ),
    Kind("echo", zoo.Echo, {}, lambda g, n: {"x": ids(g, 9, n, 2)}),
]
