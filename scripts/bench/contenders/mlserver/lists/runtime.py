"""A custom MLServer runtime with adaptive batching (see settings.json)."""

import os

import torch
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class DoubleIt(MLModel):
    """Processes tensors with one row per request."""

    async def load(self) -> bool:
        """Load the model."""
        self.module = torch.jit.load(os.environ["MODEL"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Call the model."""
        numbers = NumpyCodec.decode_input(payload.inputs[0])
        with torch.inference_mode():
            output = self.module(torch.from_numpy(numbers)).numpy()
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output("output", output)]
        )
