"""Writes requests and reads responses in every format, independently of the handler."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import requests
import torch
from torch import Tensor

from tests.models.kinds import Kind, Tensors

SIZES = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
DATATYPES: dict[str, torch.dtype] = {
    **{size.upper(): getattr(torch, size) for size in SIZES},
    **{f"FP{bits}": getattr(torch, f"float{bits}") for bits in (16, 32, 64)},
    "BOOL": torch.bool,
    "BF16": torch.bfloat16,
}
NAMES = {dtype: name for name, dtype in DATATYPES.items()}
LENGTH = "Inference-Header-Content-Length"


class Sent(NamedTuple):
    """A request: its path behind the server's URL, its body and its headers."""

    path: str
    body: bytes
    headers: dict[str, str]


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def to_bytes(tensor: Tensor) -> bytes:
    """Return a tensor's numbers as the binary extension sends them: little endian, row by row."""
    flat = tensor.contiguous().flatten()
    return bytes(flat.view(torch.uint8).tolist()) if flat.numel() else b""


def from_bytes(data: bytes, datatype: str, shape: Sequence[int]) -> Tensor:
    """Return the tensor from the bytes that `to_bytes` returns."""
    if not data:
        return torch.empty(shape, dtype=DATATYPES[datatype])
    flat = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    return flat.view(DATATYPES[datatype]).reshape(shape)


def bare(kind: Kind, inputs: Tensors) -> Sent:
    """Return a bare request with the only input."""
    (tensor,) = inputs.values()
    return Sent(f"/predictions/{kind.name}", _json(tensor.tolist()), {})


def read_bare(kind: Kind, answer: requests.Response) -> dict[str, Any]:
    """Return the outputs of a bare response as nested lists, by name."""
    found = answer.json()
    return {kind.outputs[0]: found} if len(kind.outputs) == 1 else dict(found)


def v1(kind: Kind, inputs: Tensors) -> Sent:
    """Return a V1 request: with `rows` an instance per row, otherwise a single instance."""
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
    return Sent(f"/v1/models/{kind.name}:predict", _json({"instances": instances}), {})


def read_v1(kind: Kind, answer: requests.Response) -> dict[str, Any]:
    """Return the outputs of a V1 response as nested lists, by name."""
    predictions = answer.json()["predictions"]
    if len(kind.outputs) == 1:
        return {kind.outputs[0]: predictions if kind.rows else predictions[0]}
    if not kind.rows:
        (prediction,) = predictions
        return dict(prediction)
    return {name: [row[name] for row in predictions] for name in kind.outputs}


def v2_head(tensors: Tensors) -> list[dict[str, Any]]:
    """Return the V2 description of tensors."""
    return [
        {"name": name, "shape": list(tensor.shape), "datatype": NAMES[tensor.dtype]}
        for name, tensor in tensors.items()
    ]


def v2(kind: Kind, inputs: Tensors) -> Sent:
    """Return a V2 request in JSON; the order of inputs does not matter."""
    heads = [
        {**head, "data": tensor.flatten().tolist()}
        for head, tensor in zip(v2_head(inputs), inputs.values(), strict=True)
    ]
    body = _json({"id": "7", "inputs": heads[::-1]})
    return Sent(f"/v2/models/{kind.name}/infer", body, {})


def read_v2(_kind: Kind, answer: requests.Response) -> Tensors:
    """Return the outputs of a V2 response as tensors, by name."""
    found = answer.json()
    assert found["id"] == "7"
    return {
        tensor["name"]: _tensor(tensor["data"], tensor["datatype"]).reshape(tensor["shape"])
        for tensor in found["outputs"]
    }


def binary(kind: Kind, inputs: Tensors) -> Sent:
    """Return a V2 request with binary inputs that requests binary outputs."""
    data = [to_bytes(tensor) for tensor in inputs.values()]
    heads = [
        {**head, "parameters": {"binary_data_size": len(part)}}
        for head, part in zip(v2_head(inputs), data, strict=True)
    ]
    head = _json({"inputs": heads, "parameters": {"binary_data_output": True}})
    headers = {LENGTH: str(len(head)), "Content-Type": "application/octet-stream"}
    return Sent(f"/v2/models/{kind.name}/infer", b"".join([head, *data]), headers)


def read_binary(_kind: Kind, answer: requests.Response) -> Tensors:
    """Return the outputs of a binary V2 response as tensors, by name; no bytes may remain."""
    length = int(answer.headers[LENGTH])
    rest = answer.content[length:]
    found = {}
    for tensor in json.loads(answer.content[:length])["outputs"]:
        size = tensor["parameters"]["binary_data_size"]
        found[tensor["name"]] = from_bytes(rest[:size], tensor["datatype"], tensor["shape"])
        rest = rest[size:]
    assert not rest
    return found


def _tensor(data: list[Any], datatype: str) -> Tensor:
    """Return numbers from JSON as a tensor; check that their types match the datatype."""
    dtype = DATATYPES[datatype]
    kind = bool if dtype == torch.bool else float if dtype.is_floating_point else int
    assert {type(number) for number in data} <= {kind}
    return torch.tensor(data, dtype=dtype)


FORMS = {
    "bare": (bare, read_bare),
    "V1": (v1, read_v1),
    "V2": (v2, read_v2),
    "binary": (binary, read_binary),
}
