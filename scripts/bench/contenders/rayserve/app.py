"""Ray Serve as its documentation recommends: one replica per core, and batches."""

import os

import ray
import torch
from ray import serve
from starlette.requests import Request

CORES = os.cpu_count() or 1


@serve.deployment(
    num_replicas=CORES, max_ongoing_requests=256, logging_config={"enable_access_log": False}
)
class DoubleIt:
    """Batches by concatenation: the requests' lists may differ in length."""

    def __init__(self) -> None:
        """Load the model, once in each replica."""
        self.model = torch.jit.load(os.environ["MODEL"])

    @serve.batch(max_batch_size=64, batch_wait_timeout_s=0.001)
    async def predict(self, requests: list[list[int]]) -> list[list[int]]:
        """Call the model once for all requests of a batch."""
        with torch.inference_mode():
            output = self.model(torch.cat([torch.tensor(numbers) for numbers in requests]))
        return [part.tolist() for part in output.split([len(numbers) for numbers in requests])]

    async def __call__(self, request: Request) -> list[int]:
        """Handle a request."""
        return await self.predict(await request.json())


if __name__ == "__main__":
    ray.init(include_dashboard=False, log_to_driver=False, num_cpus=CORES)
    serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
    serve.run(DoubleIt.bind(), route_prefix="/predict", blocking=True)
