"""Modules and functions with every supported signature, and with some unsupported ones."""

from typing import NamedTuple

import torch
from torch import Tensor, nn


class Named(NamedTuple):
    logits: Tensor
    label: Tensor


class Mlp(nn.Module):
    """Rows of 4 to rows of 3."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 3)

    def forward(self, features: Tensor) -> Named:
        logits = self.layer(features)
        return Named(logits, logits.argmax(-1))


# TorchScript keeps default values of a module's arguments only.
class Optionals(nn.Module):
    def forward(
        self,
        self_: Tensor,
        mask: Tensor | None = None,
        k: int = 2,
        scale: float = 0.5,
        flip: bool = False,
    ) -> tuple[Tensor, Tensor]:
        scaled = self_ * k * scale
        if mask is not None:
            scaled = scaled * mask
        return (-scaled if flip else scaled), scaled.sum()


class Scale(nn.Module):
    def forward(self, x: Tensor, k: int = 1) -> Tensor:
        return x * k


class InList(nn.Module):
    """Takes and returns a list, with an argument for training, as torchvision's detectors."""

    def forward(
        self, tensors: list[Tensor], targets: list[dict[str, Tensor]] | None = None
    ) -> list[Tensor]:
        assert targets is None
        return [tensors[1], tensors[0]]


def in_dict(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {"total": tensors["a"] + tensors["b"]}


def strings(words: list[str]) -> Tensor:
    return torch.tensor(len(words))


def nested(x: Tensor) -> tuple[tuple[Tensor, Tensor], list[dict[str, Tensor]]]:
    """Return a tuple in a tuple, as an LSTM does, and a dict in a list, as a detector does."""
    return (x, x * 2), [{"boxes": x * 3}]


def maybe(x: Tensor) -> tuple[Tensor, Tensor | None, Tensor]:
    """Return the second output only for a positive number."""
    return x, x * 2 if bool(x[0] > 0) else None, x * 3


def keys(x: Tensor) -> dict[str, Tensor]:
    """Return a dict whose keys and order depend on the number."""
    if bool(x[0] > 0):
        return {"a": x, "b": x * 2}
    if bool(x[0] < 0):
        return {"b": x * 2, "a": x}
    return {"b": x}


def word(x: Tensor) -> str:
    return str(x.dim())


def fft(x: Tensor) -> Tensor:
    return torch.fft.fft(x) if bool(x[0] > 0) else x


class Own(nn.Module):
    """Returns its own buffer, which the next call overwrites."""

    memory: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("memory", torch.zeros(2))

    def forward(self, x: Tensor) -> Tensor:
        self.memory.copy_(x)
        return self.memory


def in_place(x: Tensor) -> Tensor:
    return x.add_(1)


class Half(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((2,), 0.5, dtype=torch.bfloat16))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x * self.weight, x.half()


def number(x: Tensor) -> float:
    return float(x.sum())
