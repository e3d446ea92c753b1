"""FastAPI as its tutorial shows it, with nested lists for a tensor."""

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
    """Answer rows."""
    return answer(rows)


@app.post("/cnn")
def cnn(images: Images) -> Rows:
    """Answer images."""
    return answer(images)


def answer(lists) -> Rows:
    """Call the model."""
    with torch.inference_mode():
        return model(torch.tensor(lists)).tolist()
