"""TorchScript models that the tests archive: what users bring, and what goes wrong."""

from pathlib import Path

import torch
import yaml
from torch import Tensor, nn

ELEMENTWISE = "model: {batch: elements}\n"
# What makes the handler run samples while it loads a model.
SAMPLES = "model: {inputs: {numbers: {datatype: INT64, shape: [-1]}}}\n"
SERVER = "batchSize: 16\nmaxBatchDelay: 50\nresponseTimeout: 30\nstartupTimeout: 60\n"


class Difference(nn.Module):
    """Each number less the one before it: one number shorter, so not of `elements`."""

    def forward(self, numbers: Tensor) -> Tensor:
        return numbers[1:] - numbers[:-1]


class Unlucky(nn.Module):
    """Doubles, and raises where a 13 is among the numbers."""

    def forward(self, numbers: Tensor) -> Tensor:
        if bool((numbers == 13).any()):
            raise ValueError("13 brings bad luck")
        return numbers * 2


class Slow(nn.Module):
    """Doubles, and takes about as many seconds as the first number is below zero."""

    def forward(self, numbers: Tensor) -> Tensor:
        if numbers.numel() > 0:
            work = torch.ones(1_000_000)
            for _ in range(-int(numbers[0]) * 250):
                work = torch.sin(work).cos()
        return numbers * 2


class Triple(nn.Module):
    """Multiplies by 3: not what a new version of DoubleIt may do."""

    def forward(self, numbers: Tensor) -> Tensor:
        return numbers * 3


class Hanging(nn.Module):
    """Doubles, and never answers where a hundred is among the numbers."""

    def forward(self, numbers: Tensor) -> Tensor:
        while bool((numbers >= 100).any()):
            numbers = numbers.clone()
        return numbers * 2


class NeverLoading(nn.Module):
    """Never answers, not even while it is warmed up."""

    def forward(self, numbers: Tensor) -> Tensor:
        while numbers.dim() == 1:
            numbers = numbers.clone()
        return numbers


class Pair(nn.Module):
    """Not what the handler serves: answers with two dimensions."""

    def forward(self, numbers: Tensor) -> Tensor:
        return torch.stack([numbers, numbers])


class Half(nn.Module):
    """Answers with float16 and takes float32 only, as trained networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([0.5]))

    def forward(self, numbers: Tensor) -> Tensor:
        return (
            torch.nn.functional.linear(numbers.unsqueeze(1), self.scale.unsqueeze(1))
            .squeeze(1)
            .half()
        )


class Reciprocal(nn.Module):
    """Answers with infinity for zero."""

    def forward(self, numbers: Tensor) -> Tensor:
        return 1 / numbers


class Counting(nn.Module):
    """Doubles, and counts its calls."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1, dtype=torch.int64))

    def forward(self, numbers: Tensor) -> Tensor:
        self.calls.add_(1)
        return numbers * 2


def save(module: nn.Module, path: Path, settings: str = "") -> Path:
    """Write a TorchScript file, and beside it the settings of its archive."""
    torch.jit.save(torch.jit.script(module.eval()), str(path))
    merged = {**yaml.safe_load(SERVER), **(yaml.safe_load(settings) or {})}
    path.with_suffix(".yaml").write_text(yaml.safe_dump(merged))
    return path
