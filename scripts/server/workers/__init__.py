"""How TorchServe gets its workers: forks of one process that has imported PyTorch."""
