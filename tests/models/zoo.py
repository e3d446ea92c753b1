"""Small models of common kinds, with random weights."""

import torch
from torch import Tensor, nn


class Encoder(nn.Module):
    """Token ids to logits, with an optional mask."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 16)
        self.head = nn.Linear(16, 3)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """[N, T] to [N, 3]."""
        tokens = self.embedding(input_ids)
        if attention_mask is not None:
            tokens = tokens * attention_mask.unsqueeze(2)
        return self.head(tokens.mean(dim=1))


class Detector(nn.Module):
    """One image to any number of boxes: returns a dict whose shapes depend on the input."""

    def __init__(self) -> None:
        super().__init__()
        self.score = nn.Conv2d(3, 1, 8, stride=8)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
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
