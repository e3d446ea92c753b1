"""Builds the archive from the PyTorch module."""
