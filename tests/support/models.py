"""TorchScript models for the tests, valid and faulty ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

ELEMENTWISE = "model: {batch: elements}\n"
SERVER = "batchSize: 16\nmaxBatchDelay: 50\nresponseTimeout: 30\nstartupTimeout: 60\n"


class Difference(nn.Module):
    """Returns the differences of neighbours: one number less, so `batch: elements` is wrong."""

    def forward(self, numbers: Tensor) -> Tensor:
        return numbers[1:] - numbers[:-1]


class Unlucky(nn.Module):
    """Doubles; raises if one of the numbers is 13."""

    def forward(self, numbers: Tensor) -> Tensor:
        if bool((numbers == 13).any()):
            raise ValueError("13 brings bad luck")
        return numbers * 2


class Slow(nn.Module):
    """Doubles; a negative first number -n makes it compute for about n half seconds."""

    def forward(self, numbers: Tensor) -> Tensor:
        if numbers.numel() > 0:
            work = torch.ones(1_000_000)
            for _ in range(-int(numbers[0]) * 100):
                work = torch.sin(work).cos()
        return numbers * 2


class Triple(nn.Module):
    """Multiplies by 3, as a faulty version of DoubleIt."""

    def forward(self, numbers: Tensor) -> Tensor:
        return numbers * 3


class Hanging(nn.Module):
    """Doubles; never returns if one of the numbers is 100 or more."""

    def forward(self, numbers: Tensor) -> Tensor:
        while bool((numbers >= 100).any()):
            numbers = numbers.clone()
        return numbers * 2


class Pair(nn.Module):
    """Returns a tensor with two dimensions."""

    def forward(self, numbers: Tensor) -> Tensor:
        return torch.stack([numbers, numbers])


def save(model: nn.Module | Callable[..., Any], path: Path, settings: str = "") -> Path:
    """Write a module or function as TorchScript, and next to it the settings of its archive."""
    served = model.eval() if isinstance(model, nn.Module) else model
    torch.jit.save(torch.jit.script(served), str(path))
    merged = {**yaml.safe_load(SERVER), **(yaml.safe_load(settings) or {})}
    path.with_suffix(".yaml").write_text(yaml.safe_dump(merged))
    return path
