"""FastAPI as its tutorial shows it, with nested lists as tensors."""

import os

import torch
from fastapi import FastAPI

app = FastAPI()
model = torch.jit.load(os.environ["NETWORK"])
torch.set_num_threads(1)

Rows = list[list[float]]
Images = list[list[list[list[float]]]]


@app.post("/mlp")
def mlp(rows: Rows) -> Rows:
    """Predict for rows of tabular data."""
    return answer(rows)


@app.post("/cnn")
def cnn(images: Images) -> Rows:
    """Predict for images."""
    return answer(images)


def answer(lists) -> Rows:
    """Call the model."""
    with torch.inference_mode():
        return model(torch.tensor(lists)).tolist()
