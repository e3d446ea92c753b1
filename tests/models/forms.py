"""Sends requests and reads responses in every format, independently of the handler.

Each function sends inputs to a model and returns the outputs by name, as nested lists or tensors.
"""

import json
from typing import Any

import numpy as np
import requests
import torch
from torch import Tensor

from tests.models.kinds import Kind, Tensors
from tests.support.server import Server

# The datatypes of the models' inputs and outputs.
DTYPES: dict[str, np.dtype[Any]] = {"FP32": np.dtype("<f4"), "INT64": np.dtype("<i8")}
DATATYPES = {dtype: name for name, dtype in DTYPES.items()}
LENGTH = "Inference-Header-Content-Length"


def _send(server: Server, path: str, body: bytes | str, **headers: str) -> requests.Response:
    answer = server.post(body, path, **headers)
    assert answer.status_code == 200, answer.text
    return answer


def bare(server: Server, kind: Kind, inputs: Tensors) -> dict[str, Any]:
    """Send the only input."""
    (tensor,) = inputs.values()
    found = _send(server, f"/predictions/{kind.name}", json.dumps(tensor.tolist())).json()
    return {kind.outputs[0]: found} if len(kind.outputs) == 1 else dict(found)


def v1(server: Server, kind: Kind, inputs: Tensors) -> dict[str, Any]:
    """Send an instance for each row if the model has rows, otherwise a single one."""
    lists: dict[str, Any] = {
        name: tensor.item() if name in kind.numbers else tensor.tolist()
        for name, tensor in inputs.items()
    }
    if not kind.rows:
        lists = {name: [value] for name, value in lists.items()}
    rows = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    instances = (
        [next(iter(row.values())) for row in rows] if kind.bare and len(lists) == 1 else rows
    )
    body = json.dumps({"instances": instances})
    predictions = _send(server, f"/v1/models/{kind.name}:predict", body).json()["predictions"]
    if len(kind.outputs) == 1:
        return {kind.outputs[0]: predictions if kind.rows else predictions[0]}
    if not kind.rows:
        (prediction,) = predictions
        return dict(prediction)
    return {name: [row[name] for row in predictions] for name in kind.outputs}


def _v2_input(name: str, tensor: Tensor, **more: object) -> dict[str, object]:
    datatype = DATATYPES[tensor.numpy().dtype]
    return {"name": name, "shape": tensor.shape, "datatype": datatype, **more}


def v2(server: Server, kind: Kind, inputs: Tensors) -> Tensors:
    """Send tensors as JSON; the order of inputs does not matter."""
    given = [_v2_input(name, each, data=each.flatten().tolist()) for name, each in inputs.items()]
    body = json.dumps({"id": "7", "inputs": given[::-1]})
    response = _send(server, f"/v2/models/{kind.name}/infer", body).json()
    assert response["id"] == "7"
    found = {}
    for tensor in response["outputs"]:
        numbers = np.array(tensor["data"], DTYPES[tensor["datatype"]]).reshape(tensor["shape"])
        number = float if tensor["datatype"] == "FP32" else int
        assert {type(each) for each in tensor["data"]} <= {number}
        found[tensor["name"]] = torch.tensor(numbers)
    return found


def binary(server: Server, kind: Kind, inputs: Tensors) -> Tensors:
    """Send binary tensors and request binary outputs; no bytes may remain."""
    given = [
        _v2_input(name, tensor, parameters={"binary_data_size": tensor.nbytes})
        for name, tensor in inputs.items()
    ]
    head = json.dumps({"inputs": given, "parameters": {"binary_data_output": True}}).encode()
    body = b"".join([head, *(tensor.numpy().tobytes() for tensor in inputs.values())])
    headers = {LENGTH: str(len(head)), "Content-Type": "application/octet-stream"}
    answer = _send(server, f"/v2/models/{kind.name}/infer", body, **headers)
    length = int(answer.headers[LENGTH])
    rest = answer.content[length:]
    found = {}
    for tensor in json.loads(answer.content[:length])["outputs"]:
        size = tensor["parameters"]["binary_data_size"]
        numbers = np.frombuffer(rest[:size], DTYPES[tensor["datatype"]])
        found[tensor["name"]] = torch.tensor(numbers.reshape(tensor["shape"]))
        rest = rest[size:]
    assert not rest
    return found


FORMS = {"bare": bare, "V1": v1, "V2": v2, "binary": binary}
