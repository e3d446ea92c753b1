"""The PyTorch module. Put your own in its place, or archive a TorchScript file that you have."""

from torch import Tensor, nn


class DoubleIt(nn.Module):
    """Multiplies every number by 2 and keeps its dtype."""

    def forward(self, numbers: Tensor) -> Tensor:
        """Return `numbers * 2`, same shape and dtype. int64 beyond +-2^62 would overflow."""
        return numbers * 2
