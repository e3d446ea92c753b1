"""NVIDIA's Triton, bound to Python by PyTriton, with its dynamic batcher."""

import json
import os

import numpy as np
import torch
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

CORES = os.cpu_count() or 1
NAME = os.environ["INPUT"]
DTYPE = np.dtype(os.environ["DTYPE"]).type
model = torch.jit.load(os.environ["MODEL"])


@batch
def infer(**inputs: np.ndarray) -> dict[str, np.ndarray]:
    """Call the model with the rows of all requests."""
    with torch.inference_mode():
        return {"output": model(torch.from_numpy(inputs[NAME])).numpy()}


if __name__ == "__main__":
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=int(os.environ["PORT"]),
        grpc_port=int(os.environ["GRPC_PORT"]),
        metrics_port=int(os.environ["METRICS_PORT"]),
    )
    with Triton(config=config, workspace=os.environ["TMPDIR"] + "/triton") as triton:
        triton.bind(
            model_name="model",
            infer_func=[infer for _ in range(CORES)],
            inputs=[Tensor(name=NAME, dtype=DTYPE, shape=json.loads(os.environ["ROW"]))],
            outputs=[Tensor(name="output", dtype=DTYPE, shape=(-1,))],
            config=ModelConfig(
                max_batch_size=128, batcher=DynamicBatcher(max_queue_delay_microseconds=1000)
            ),
        )
        triton.serve()
