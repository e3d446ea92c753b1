"""FastAPI as its tutorial shows it: the body is checked and converted by pydantic."""

import os

import torch
from fastapi import FastAPI

app = FastAPI()
model = torch.jit.load(os.environ["MODEL"])

Rows = list[list[float]]
Images = list[list[list[list[float]]]]


@app.post("/doubleit")
def doubleit(numbers: list[int]) -> list[int]:
    """Predict in the thread pool, where FastAPI runs a plain `def`."""
    return answer(numbers)


@app.post("/doubleit-async")
async def doubleit_async(numbers: list[int]) -> list[int]:
    """Predict in the event loop, which avoids a thread switch but blocks other requests."""
    return answer(numbers)


@app.post("/mlp")
def mlp(rows: Rows) -> Rows:
    """Predict for rows of tabular data."""
    return answer(rows)


@app.post("/cnn")
def cnn(images: Images) -> Rows:
    """Predict for images."""
    return answer(images)


def answer(lists):
    """Call the model."""
    with torch.inference_mode():
        return model(torch.tensor(lists)).tolist()
