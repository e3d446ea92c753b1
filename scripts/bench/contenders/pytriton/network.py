"""NVIDIA's Triton, bound to Python by PyTriton, with its dynamic batcher."""

import json
import os

import numpy as np
import torch
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

CORES = os.cpu_count() or 1
torch.set_num_threads(1)
model = torch.jit.load(os.environ["NETWORK"])


@batch
def infer(input: np.ndarray) -> dict[str, np.ndarray]:  # noqa: A002 (the input's name)
    """Call the model with the rows of all requests."""
    with torch.inference_mode():
        return {"output": model(torch.from_numpy(input)).numpy()}


if __name__ == "__main__":
    config = TritonConfig(
        http_address="127.0.0.1",
        http_port=int(os.environ["PORT"]),
        grpc_port=int(os.environ["GRPC_PORT"]),
        metrics_port=int(os.environ["METRICS_PORT"]),
    )
    with Triton(config=config, workspace=os.environ["TMPDIR"] + "/triton") as triton:
        triton.bind(
            model_name="network",
            infer_func=[infer for _ in range(CORES)],
            inputs=[Tensor(name="input", dtype=np.float32, shape=json.loads(os.environ["ROW"]))],
            outputs=[Tensor(name="output", dtype=np.float32, shape=(-1,))],
            config=ModelConfig(
                max_batch_size=128, batcher=DynamicBatcher(max_queue_delay_microseconds=1000)
            ),
        )
        triton.serve()
