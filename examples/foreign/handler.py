"""A handler of TorchServe's own kind: text in, a tone and its score out."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from ts.torch_handler.base_handler import BaseHandler

WORDS = ("good", "thanks", "bad", "awful")


class ToneHandler(BaseHandler):
    """Replaces two steps of TorchServe's handler."""

    def preprocess(self, data: Sequence[Mapping[str, Any]]) -> Tensor:
        """Count words. TorchServe has decoded the text, a field of a form lies under its name."""
        rows = [row.get("text") or row.get("body") or "" for row in data]
        texts = [row if isinstance(row, str) else bytes(row).decode() for row in rows]
        return torch.tensor([[float(text.split().count(word)) for word in WORDS] for text in texts])

    def postprocess(self, scores: Tensor) -> list[dict[str, Any]]:
        """Return what the responses contain, one item for each request of the batch."""
        names = ["friendly" if score > 0 else "unfriendly" for score in scores]
        return [{"tone": n, "score": s} for n, s in zip(names, scores.tolist(), strict=True)]
