"""The wire format: bytes to tensors and back. Knows neither TorchServe nor HTTP."""
