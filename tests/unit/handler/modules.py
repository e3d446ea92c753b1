"""Modules and functions with every supported signature, and with some unsupported ones."""

from typing import Dict, List, NamedTuple, Optional, Tuple  # noqa: UP035 (TorchScript needs them)

import torch
from torch import Tensor, nn


class Named(NamedTuple):
    """Outputs with names."""

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
    """Takes tensors, optional tensors and numbers."""

    def forward(
        self,
        self_: Tensor,
        mask: Optional[Tensor] = None,  # noqa: UP045
        k: int = 2,
        scale: float = 0.5,
        flip: bool = False,
    ) -> Tuple[Tensor, Tensor]:  # noqa: UP006
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
        self,
        tensors: List[Tensor],  # noqa: UP006
        targets: List[Dict[str, Tensor]] | None = None,  # noqa: UP006
    ) -> List[Tensor]:  # noqa: UP006
        assert targets is None
        return [tensors[1], tensors[0]]


def in_dict(tensors: Dict[str, Tensor]) -> Dict[str, Tensor]:  # noqa: UP006
    return {"total": tensors["a"] + tensors["b"]}


def strings(words: List[str]) -> Tensor:  # noqa: UP006
    return torch.tensor(len(words))


def nested(x: Tensor) -> Tuple[Tensor, Tuple[Tensor, Tensor]]:  # noqa: UP006
    """Return a tuple in a tuple, as an LSTM does."""
    return x, (x, x)


def boxes(x: Tensor) -> List[Dict[str, Tensor]]:  # noqa: UP006
    """Return a dict for each number, as torchvision's detectors do for each image."""
    return [{"boxes": x[i : i + 1], "score": x[i : i + 1] * 10} for i in range(len(x))]


def maybe(x: Tensor) -> Tuple[Tensor, Optional[Tensor], Tensor]:  # noqa: UP006, UP045
    """Leave out the second output for a negative number."""
    second: Optional[Tensor] = None  # noqa: UP045
    if bool(x[0] > 0):
        second = x * 2
    return x, second, x * 3


def keys(x: Tensor) -> Dict[str, Tensor]:  # noqa: UP006
    """Return a dict whose keys and order depend on the number."""
    if bool(x[0] > 0):
        return {"a": x, "b": x * 2}
    if bool(x[0] < 0):
        return {"b": x * 2, "a": x}
    return {"b": x}


class Words(nn.Module):
    """Embeds 50 words and averages them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(50, 16)
        self.layer = nn.Linear(16, 4)

    def forward(self, ids: Tensor) -> Tensor:
        averaged: Tensor = self.layer(self.table(ids).mean(1))
        return averaged


def word(x: Tensor) -> str:
    return str(x.dim())


def fft(x: Tensor) -> Tensor:
    """Return complex numbers if the first number is above 0."""
    return torch.fft.fft(x) if bool(x[0] > 0) else x


def softmax(x: Tensor) -> Tensor:
    """Return what depends on all numbers along the first dimension."""
    return x.softmax(0)


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
    """Has bfloat16 weights and returns a float16 tensor as well."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((2,), 0.5, dtype=torch.bfloat16))

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:  # noqa: UP006
        return x * self.weight, x.half()


def number(x: Tensor) -> float:
    return float(x.sum())
