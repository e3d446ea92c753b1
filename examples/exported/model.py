"""Write build/scaled.pt2, a program of torch.export, which needs no settings.

python -m examples.exported.model
"""

import torch
from torch import Tensor, nn
from torch.export import Dim, export, save


class Scaled(nn.Module):
    """Scales each row of [N, 4] to the length 1."""

    def forward(self, rows: Tensor) -> Tensor:
        """Return the rows, divided by their lengths."""
        return rows / rows.norm(dim=1, keepdim=True)


if __name__ == "__main__":
    # The server merges requests up to this many rows, and refuses larger ones.
    rows = Dim("rows", min=1, max=64)
    program = export(Scaled().eval(), (torch.ones(2, 4),), dynamic_shapes=({0: rows},))
    save(program, "build/scaled.pt2")
