"""The PyTorch module DoubleIt. To serve another model, replace it or archive a TorchScript file."""

from torch import Tensor, nn


class DoubleIt(nn.Module):
    """Multiplies every number by 2 and keeps its dtype."""

    def forward(self, numbers: Tensor) -> Tensor:
        """Return `numbers * 2` with the same shape and dtype; int64 beyond +-2^62 overflows."""
        return numbers * 2
