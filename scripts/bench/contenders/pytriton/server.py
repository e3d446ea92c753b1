"""NVIDIA's Triton, bound to Python by PyTriton, with its dynamic batcher."""

import os

import numpy as np
import torch
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

CORES = os.cpu_count() or 1
model = torch.jit.load(os.environ["MODEL"])


@batch
def infer(numbers: np.ndarray) -> dict[str, np.ndarray]:
    """Call the model with one row for each request."""
    with torch.inference_mode():
        return {"output": model(torch.from_numpy(numbers)).numpy()}


if __name__ == "__main__":
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=int(os.environ["PORT"]),
        grpc_port=int(os.environ["GRPC_PORT"]),
        metrics_port=int(os.environ["METRICS_PORT"]),
    )
    with Triton(config=config, workspace=os.environ["TMPDIR"] + "/triton") as triton:
        triton.bind(
            model_name="doubleit",
            infer_func=[infer for _ in range(CORES)],
            inputs=[Tensor(name="numbers", dtype=np.int64, shape=(-1,))],
            outputs=[Tensor(name="output", dtype=np.int64, shape=(-1,))],
            config=ModelConfig(
                max_batch_size=64, batcher=DynamicBatcher(max_queue_delay_microseconds=1000)
            ),
        )
        triton.serve()
