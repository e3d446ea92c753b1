"""DoubleIt, the model that this project serves by default."""
