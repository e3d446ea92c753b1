"""From the PyTorch module to the archive."""
