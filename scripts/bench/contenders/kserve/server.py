"""KServe's Python server with a model of its own, as its documentation shows it."""

import os

import torch
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer


class Served(Model):
    """Answers tensors of V2, over HTTP and gRPC."""

    def load(self) -> bool:
        """Load the model."""
        self.module = torch.jit.load(os.environ["MODEL"])
        self.ready = True
        return self.ready

    async def predict(self, payload: InferRequest, headers=None, response_headers=None):  # noqa: ARG002 (KServe's names)
        """Call the model."""
        with torch.inference_mode():
            rows = self.module(torch.from_numpy(payload.inputs[0].as_numpy().copy())).numpy()
        output = InferOutput("output", list(rows.shape), payload.inputs[0].datatype)
        output.set_data_from_numpy(rows, binary_data=payload.from_grpc)
        return InferResponse(payload.id or "", self.name, [output])


if __name__ == "__main__":
    model = Served("model")
    model.load()
    ModelServer(
        http_port=int(os.environ["PORT"]),
        grpc_port=int(os.environ["GRPC_PORT"]),
        access_log_format=None,
    ).start([model])
