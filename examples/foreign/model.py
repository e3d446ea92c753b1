"""Write build/tone.pt, the weights of a model that tells whether a text is friendly.

python -m examples.foreign.model
"""

import torch
from torch import Tensor, nn


class Tone(nn.Module):
    """Weighs how often each of four words occurs: [N, 4] to [N]."""

    def __init__(self) -> None:
        """Prepare the weights, which TorchServe loads."""
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(4))

    def forward(self, counts: Tensor) -> Tensor:
        """Return scores; above 0 is friendly."""
        return counts @ self.weights


if __name__ == "__main__":
    torch.save({"weights": torch.tensor([1.0, 2.0, -1.0, -2.0])}, "build/tone.pt")
