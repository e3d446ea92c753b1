"""The wire format: bytes to tensors and back, independent of TorchServe and HTTP."""
