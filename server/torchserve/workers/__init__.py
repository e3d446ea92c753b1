"""TorchServe's workers, forked from one process that has imported PyTorch."""
