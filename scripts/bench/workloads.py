"""What the servers are sent: models, inputs, formats, and loads of requests."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import yaml
from google.protobuf.message import DecodeError
from torch import nn
from tritonclient.grpc import service_pb2 as v2_pb2

from scripts.model import torchscript
from server.store.paths import ROOT

Array = npt.NDArray[Any]
JSON = {"Content-Type": "application/json"}
LENGTH = "Inference-Header-Content-Length"
INFER = "/inference.GRPCInferenceService/ModelInfer"
# How much of a wrong response an error message repeats, in bytes.
ECHO_BYTES = 200
# Tolerances: the result of a convolution depends on the order of summation in the library.
RELATIVE, ABSOLUTE = 1e-3, 1e-5


class Request(NamedTuple):
    """A request and the check of its response.

    Attributes:
        path: the path of the server's route, or of a gRPC method.
        body: its body, or the message of a gRPC call.
        mistake: returns what is wrong with a response body, or an empty string.
        headers: its headers.
        grpc: whether it is a gRPC call.
    """

    path: str
    body: bytes
    mistake: Callable[[bytes], str]
    headers: Mapping[str, str] = JSON
    grpc: bool = False


class Example(NamedTuple):
    """An input of a model, by the name that the model gives it, and the model's output."""

    name: str
    input: Array
    output: Array

    def request(
        self,
        path: str,
        body: bytes,
        decode: Callable[[bytes], Any],
        headers: Mapping[str, str] = JSON,
        grpc: bool = False,
    ) -> Request:
        """Return a request whose response `decode` turns into the values of the output.

        `decode` raises ValueError, LookupError or TypeError if a response has another format.
        """

        def mistake(answer: bytes) -> str:
            shown = repr(answer[:ECHO_BYTES])
            try:
                output = np.asarray(decode(answer)).reshape(self.output.shape)
                right = np.allclose(output, self.output, self._tolerance, ABSOLUTE)
            except (ValueError, LookupError, TypeError) as error:
                return f"the response does not have the expected format ({error}): {shown}"
            return "" if right else f"the response is not the model's output: {shown}"

        return Request(path, body, mistake, headers, grpc)

    @property
    def rows(self) -> Array:
        """The input with a first dimension along which servers can batch."""
        return np.atleast_2d(self.input)

    @property
    def datatype(self) -> str:
        """The input's datatype in the Open Inference Protocol V2."""
        return {"int64": "INT64", "float32": "FP32"}[self.input.dtype.name]

    @property
    def _tolerance(self) -> float:
        return 0 if self.input.dtype.kind == "i" else RELATIVE

    def head(self) -> dict[str, Any]:
        """Return the input's description in V2."""
        return {"name": self.name, "shape": list(self.rows.shape), "datatype": self.datatype}


def lists(example: Example, _model: str, path: str) -> Request:
    """Return the request with nested lists in request and response."""
    return example.request(path, _json(example.input.tolist()), json.loads)


def rows(example: Example, _model: str, path: str) -> Request:
    """Return the request of BentoML: rows, named after the method's parameter."""
    return example.request(path, _json({example.name: example.rows.tolist()}), json.loads)


def v2(example: Example, _model: str, path: str) -> Request:
    """Return the request of the Open Inference Protocol V2 in JSON."""
    body = _json({"inputs": [{**example.head(), "data": example.input.ravel().tolist()}]})
    return example.request(path, body, lambda answer: json.loads(answer)["outputs"][0]["data"])


def v2_binary(example: Example, _model: str, path: str) -> Request:
    """Return V2 with the binary tensor data extension in request and response."""
    data = example.input.tobytes()
    tensor = {**example.head(), "parameters": {"binary_data_size": len(data)}}
    head = _json({"inputs": [tensor], "parameters": {"binary_data_output": True}})
    headers = {"Content-Type": "application/octet-stream", LENGTH: str(len(head))}
    output = example.output
    # The only output is at the end of the response.
    return example.request(
        path,
        head + data,
        lambda answer: np.frombuffer(answer[-output.nbytes :], output.dtype),
        headers,
    )


def v2_grpc(example: Example, model: str, path: str) -> Request:
    """Return the gRPC call of V2, with raw contents in request and response where servers can."""
    message = v2_pb2.ModelInferRequest(
        model_name=model, raw_input_contents=[example.input.tobytes()]
    )
    message.inputs.add(**example.head())

    def decode(answer: bytes) -> Array:
        try:
            response = v2_pb2.ModelInferResponse.FromString(answer)
        except DecodeError as error:
            raise ValueError(str(error)) from None
        if response.raw_output_contents:
            return np.frombuffer(response.raw_output_contents[0], example.output.dtype)
        contents = response.outputs[0].contents
        return np.asarray(contents.int64_contents or contents.fp32_contents)

    return example.request(path, message.SerializeToString(), decode, {}, grpc=True)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


Encoder = Callable[[Example, str, str], Request]


class Load(NamedTuple):
    """A load.

    Attributes:
        example: the name of the input.
        connections: concurrent clients; each sends one request at a time.
        format: the format of the request.
    """

    example: str
    connections: int
    format: str = "JSON"

    @property
    def request(self) -> str:
        """The name of its request."""
        return self.example if self.format == "JSON" else f"{self.example}, {self.format}"

    @property
    def key(self) -> str:
        """Its name in the results and in tables' columns."""
        return f"{self.request} x {self.connections}"

    @property
    def title(self) -> str:
        """Its name in sentences."""
        connections = "connection" if self.connections == 1 else "connections"
        return f"{self.request}, {self.connections} {connections}"


class Workload(NamedTuple):
    """A model and what is asked of it.

    Attributes:
        model: its name in URLs.
        title: the requests, in sentences.
        path: its TorchScript file; `build` writes it.
        examples: returns the inputs by name.
        loads: the loads; the first one also warms up.
        build: writes the TorchScript file, and settings for this server next to it.
    """

    model: str
    title: str
    path: Path
    examples: Callable[[], Mapping[str, Example]]
    loads: Sequence[Load]
    build: Callable[[], object]


LENGTHS = {"10 numbers": 10, "1 000 numbers": 1_000, "100 000 numbers": 100_000}
SHORT, MEDIUM, LONG = LENGTHS
SHORT_LISTS = LONE, FEW, MANY, CROWD = tuple(
    Load(SHORT, connections) for connections in (1, 8, 64, 256)
)
MIDDLE, LARGE = Load(MEDIUM, 16), Load(LONG, 4)
GRPC_LOADS = tuple(load._replace(format="gRPC") for load in (LONE, MANY, LARGE))


def _numbers() -> dict[str, Example]:
    ranges = {name: np.arange(1, count + 1) for name, count in LENGTHS.items()}
    return {name: Example("numbers", taken, 2 * taken) for name, taken in ranges.items()}


DOUBLEIT_FILE = ROOT / torchscript.DEFAULT
LISTS = Workload(
    "doubleit",
    "lists of numbers",
    DOUBLEIT_FILE,
    _numbers,
    (*SHORT_LISTS, MIDDLE, LARGE, *GRPC_LOADS),
    lambda: torchscript.build(DOUBLEIT_FILE),
)


def _network(model: str, what: str, make: Callable[[], nn.Module], *shape: int) -> Workload:
    """Return the workload of a network with random weights; dimension 0 of `shape` is the batch."""
    path = ROOT / "build" / "bench" / "networks" / f"{model}.pt"

    def module() -> torch.jit.ScriptModule:
        torch.manual_seed(7)
        return torch.jit.script(make().eval())

    @functools.cache
    def examples() -> dict[str, Example]:
        # Distributed like the pixels of a normalised image.
        taken = np.random.default_rng(7).normal(size=shape).astype(np.float32)
        with torch.inference_mode():
            return {what: Example("input", taken, module()(torch.from_numpy(taken)).numpy())}

    def build() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.jit.save(module(), str(path))
        # `input` is the name of the argument of nn.Sequential.
        described = {"input": {"datatype": "FP32", "shape": [-1, *shape[1:]]}}
        settings = yaml.safe_dump({"model": {"batch": "rows", "inputs": described}})
        path.with_suffix(".yaml").write_text(settings)

    loads = [Load(what, 8, form) for form in ("JSON", "binary", "gRPC")]
    return Workload(model, f"{what}, {list(shape)}, float32,", path, examples, loads, build)


CNN = _network(
    "cnn",
    "an image",
    lambda: nn.Sequential(
        *(nn.Conv2d(3, 16, 7, stride=4, padding=3), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 100)),
    ),
    *(1, 3, 224, 224),
)
MLP = _network(
    "mlp",
    "64 rows",
    lambda: nn.Sequential(
        *(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()),
        *(nn.Linear(64, 5), nn.Softmax(dim=1)),
    ),
    *(64, 20),
)
NETWORKS = (CNN, MLP)
