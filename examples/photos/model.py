"""Write build/photos.pt, which tells whether a photo is mainly red, green or blue.

python -m examples.photos.model
"""

import torch
from torch import Tensor, nn


class MainColor(nn.Module):
    """Averages each channel of [N, 3, 32, 32] and returns a probability for each: [N, 3]."""

    def __init__(self) -> None:
        """Take the place of training: each class weighs its own channel."""
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.layer.load_state_dict({"weight": 10 * torch.eye(3), "bias": torch.zeros(3)})

    def forward(self, image: Tensor) -> Tensor:
        """Return the probabilities."""
        return torch.softmax(self.layer(image.mean(dim=(2, 3))), dim=1)


if __name__ == "__main__":
    torch.jit.script(MainColor().eval()).save("build/photos.pt")
