"""FastAPI as its tutorial shows it: the body is a list, checked and converted by pydantic."""

import os

import torch
from fastapi import FastAPI

app = FastAPI()
model = torch.jit.load(os.environ["MODEL"])


@app.post("/predict")
def predict(numbers: list[int]) -> list[int]:
    """Predict in the thread pool, where FastAPI runs a plain `def`."""
    with torch.inference_mode():
        return model(torch.tensor(numbers)).tolist()


@app.post("/predict-async")
async def predict_async(numbers: list[int]) -> list[int]:
    """Predict in the event loop, which avoids a thread switch but blocks other requests."""
    with torch.inference_mode():
        return model(torch.tensor(numbers)).tolist()
