"""Write build/rows.pt, which estimates the price of a house.

python -m examples.rows.model
"""

import torch
from torch import Tensor, nn


class Price(nn.Module):
    """A linear model of [N, 3] rows of area, rooms and age: [N, 1]."""

    def __init__(self) -> None:
        """Take the place of training."""
        super().__init__()
        self.layer = nn.Linear(3, 1)
        weight, bias = torch.tensor([[3.0, 10.0, -1.5]]), torch.tensor([50.0])
        self.layer.load_state_dict({"weight": weight, "bias": bias})

    def forward(self, rows: Tensor) -> Tensor:
        """Return the prices, in thousands."""
        price: Tensor = self.layer(rows)
        return price


if __name__ == "__main__":
    torch.jit.script(Price().eval()).save("build/rows.pt")
