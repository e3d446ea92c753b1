"""The servers' request formats for a network's input, in JSON or binary."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import requests

from scripts.bench.formats import Numbers
from scripts.bench.generator import JSON
from scripts.bench.networks import Floats, Network

# Tolerances: the result of a convolution depends on the order of summation in the library.
RELATIVE, ABSOLUTE = 1e-3, 1e-5
TIMEOUT_SECONDS = 30
LENGTH = "Inference-Header-Content-Length"


class TensorFormat(NamedTuple):
    """A fixed request for one network.

    Attributes:
        name: JSON or binary.
        path: the path of the server's route.
        network: the network.
        headers: the request headers.
        content: the request body.
        decode: returns the numbers in a response body.
    """

    name: str
    path: str
    network: Network
    headers: Mapping[str, str]
    content: bytes
    decode: Callable[[bytes], Any]

    def body(self, numbers: Numbers) -> bytes:  # noqa: ARG002 (the input is the network's)
        """Return the request's body."""
        return self.content

    def mistake(self, numbers: Numbers, answer: bytes) -> str:  # noqa: ARG002
        """Return what is wrong with the response; an empty string if it is the network's output."""
        try:
            got = np.asarray(self.decode(answer), np.float32).reshape(self.network.output.shape)
        except (ValueError, LookupError, TypeError) as error:
            return f"the response does not have the expected format ({error}): {answer[:200]!r}"
        if not np.allclose(got, self.network.output, RELATIVE, ABSOLUTE):
            return f"the response is not the output of {self.network.name}: {answer[:200]!r}"
        return ""


def lists(network: Network, path: str) -> TensorFormat:
    """Return the format with nested lists in request and response."""
    return TensorFormat("JSON", path, network, JSON, _json(network.input.tolist()), json.loads)


def v2(network: Network, path: str) -> TensorFormat:
    """Return the format of the Open Inference Protocol V2 in JSON."""
    body = _json({"inputs": [{**_head(network), "data": network.input.ravel().tolist()}]})
    return TensorFormat(
        "JSON", path, network, JSON, body, lambda a: json.loads(a)["outputs"][0]["data"]
    )


def v2_binary(network: Network, path: str) -> TensorFormat:
    """Return V2 with the binary tensor data extension in request and response."""
    data = network.input.tobytes()
    tensor = {**_head(network), "parameters": {"binary_data_size": len(data)}}
    head = _json({"inputs": [tensor], "parameters": {"binary_data_output": True}})
    headers = {"Content-Type": "application/octet-stream", LENGTH: str(len(head))}
    return TensorFormat("binary", path, network, headers, head + data, lambda a: _last(a, network))


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _head(network: Network) -> dict[str, object]:
    return {"name": "input", "shape": list(network.shape), "datatype": "FP32"}


def _last(answer: bytes, network: Network) -> Floats:
    """Return the only output, which is at the end of the response."""
    return np.frombuffer(answer[-network.output.nbytes :], np.float32)


def check(base: str, tensor_format: TensorFormat) -> str:
    """Send the request to the server at `base`; return what is wrong with the response."""
    answer = requests.post(
        base + tensor_format.path,
        tensor_format.content,
        headers=dict(tensor_format.headers),
        timeout=TIMEOUT_SECONDS,
    )
    if answer.status_code != 200:  # noqa: PLR2004 (HTTP's OK)
        return f"{tensor_format.name}: status {answer.status_code}, {answer.content[:300]!r}"
    return tensor_format.mistake([], answer.content)
