"""A custom MLServer runtime with adaptive batching (see model-settings.json)."""

import os

import torch
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Runtime(MLModel):
    """Processes one tensor of rows."""

    async def load(self) -> bool:
        """Load the model."""
        self.module = torch.jit.load(os.environ["MODEL"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Call the model."""
        rows = NumpyCodec.decode_input(payload.inputs[0])
        with torch.inference_mode():
            output = self.module(torch.from_numpy(rows)).numpy()
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output("output", output)]
        )
