"""BentoML as its documentation recommends: adaptive batches and one worker per core."""

import os

import bentoml
import numpy as np
import torch


@bentoml.service(workers="cpu_count", logging={"access": {"enabled": False}})
class DoubleIt:
    """Processes batches with one row per request."""

    def __init__(self) -> None:
        """Load the model, once in each worker."""
        self.model = torch.jit.load(os.environ["MODEL"])

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000)
    def predict(self, numbers: np.ndarray) -> np.ndarray:
        """Call the model."""
        with torch.inference_mode():
            return self.model(torch.from_numpy(numbers)).numpy()
