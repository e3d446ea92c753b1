"""TorchScript models for the tests, valid and faulty ones."""

from pathlib import Path

import torch
import yaml
from torch import Tensor, nn

ELEMENTWISE = "model: {batch: elements}\n"
# With this setting the handler runs samples while it loads a model.
SAMPLES = "model: {inputs: {numbers: {datatype: INT64, shape: [-1]}}}\n"
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


class NeverLoading(nn.Module):
    """Never returns, not even during the warm-up."""

    def forward(self, numbers: Tensor) -> Tensor:
        while numbers.dim() == 1:
            numbers = numbers.clone()
        return numbers


class Pair(nn.Module):
    """Returns a tensor with two dimensions."""

    def forward(self, numbers: Tensor) -> Tensor:
        return torch.stack([numbers, numbers])


class Counting(nn.Module):
    """Doubles and counts its calls."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1, dtype=torch.int64))

    def forward(self, numbers: Tensor) -> Tensor:
        self.calls.add_(1)
        return numbers * 2


def save(module: nn.Module, path: Path, settings: str = "") -> Path:
    """Write a TorchScript file, and next to it a file with the settings of its archive."""
    torch.jit.save(torch.jit.script(module.eval()), str(path))
    merged = {**yaml.safe_load(SERVER), **(yaml.safe_load(settings) or {})}
    path.with_suffix(".yaml").write_text(yaml.safe_dump(merged))
    return path
