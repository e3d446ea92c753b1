"""Small models of common kinds, with random weights.

They are in a separate file, because TorchScript compiles them from source.
"""

from __future__ import annotations

from typing import Dict, Optional  # noqa: UP035 (TorchScript needs them)

import torch
from torch import Tensor, nn
from torch.nn import functional

# TorchScript evaluates annotations and supports only the names from `typing`.
# ruff: noqa: UP006, UP045


class Block(nn.Module):
    """A residual block that halves height and width."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(outputs), nn.BatchNorm2d(outputs)])
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride=2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.norms[0](self.first(x)))
        return functional.relu(self.norms[1](self.second(y)) + self.shortcut(x))


class ResNet(nn.Module):
    """An image classifier."""

    def __init__(self, classes: int = 100) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 7, stride=4, padding=3)
        self.blocks = nn.Sequential(Block(8, 16), Block(16, 32), Block(32, 64))
        self.head = nn.Linear(64, classes)

    def forward(self, image: Tensor) -> Tensor:
        """[N, 3, H, W] to [N, classes]."""
        y = self.blocks(functional.relu(self.stem(image)))
        return self.head(y.mean(dim=(2, 3)))


class Encoder(nn.Module):
    """Token ids to logits, with an optional mask."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 16)
        self.mix = nn.Linear(16, 16)
        self.head = nn.Linear(16, 3)

    def forward(self, input_ids: Tensor, attention_mask: Optional[Tensor] = None) -> Tensor:
        """[N, T] to [N, 3]."""
        tokens = torch.tanh(self.mix(self.embedding(input_ids)))
        if attention_mask is None:
            return self.head(tokens.mean(dim=1))
        weights = attention_mask.unsqueeze(2).to(tokens.dtype)
        pooled = (tokens * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
        return self.head(pooled)


class Detector(nn.Module):
    """One image to any number of boxes: returns a dict whose shapes depend on the input."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Conv2d(3, 1, 8, stride=8)

    def forward(self, image: Tensor) -> Dict[str, Tensor]:
        """[3, H, W] to boxes [K, 4], scores [K] and labels [K]."""
        scores = torch.sigmoid(self.score(image.unsqueeze(0)))[0, 0]
        found = (scores > 0.5).nonzero()
        top_left = found.to(torch.float32) * 8
        return {
            "boxes": torch.cat([top_left, top_left + 8], dim=1),
            "scores": scores[found[:, 0], found[:, 1]],
            "labels": found.sum(dim=1) % 3,
        }


class WideAndDeep(nn.Module):
    """Two inputs of different datatypes."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(50, 8)
        self.deep = nn.Linear(8 + 8, 1)

    def forward(self, dense: Tensor, ids: Tensor) -> Tensor:
        """[N, 8] and [N, 3] to [N]."""
        return self.deep(torch.cat([dense, self.embedding(ids)], dim=1)).squeeze(1)


class Echo(nn.Module):
    """Returns its input, of any datatype and shape."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clone()
