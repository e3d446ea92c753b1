"""What the servers are sent: models, inputs, formats, and loads of requests."""

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
        method: its method, or gRPC.
    """

    path: str
    body: bytes
    mistake: Callable[[bytes], str]
    headers: Mapping[str, str] = JSON
    method: str = "POST"


class Example(NamedTuple):
    """An input of a model, by the name that the model gives it, and the model's output."""

    name: str
    input: Array
    output: Array

    @property
    def rows(self) -> Array:
        """The input with a first dimension along which servers can batch."""
        return np.atleast_2d(self.input)

    def described(self) -> dict[str, Any]:
        """Return the input's description in the Open Inference Protocol V2."""
        datatype = {"int64": "INT64", "float32": "FP32"}[self.input.dtype.name]
        return {"name": self.name, "shape": list(self.rows.shape), "datatype": datatype}

    def mistake(self, decode: Callable[[bytes], Any], answer: bytes) -> str:
        """Return what is wrong with a response that `decode` turns into the output's values.

        `decode` raises ValueError, LookupError or TypeError if a response has another format.
        """
        shown = repr(answer[:ECHO_BYTES])
        relative = 0 if self.input.dtype.kind == "i" else RELATIVE
        try:
            output = np.asarray(decode(answer)).reshape(self.output.shape)
            right = np.allclose(output, self.output, relative, ABSOLUTE)
        except (ValueError, LookupError, TypeError) as error:
            return f"the response does not have the expected format ({error}): {shown}"
        return "" if right else f"the response is not the model's output: {shown}"


def _request(
    example: Example, path: str, content: object, decode: Callable[[bytes], Any] = json.loads
) -> Request:
    body = json.dumps(content).encode()
    return Request(path, body, functools.partial(example.mistake, decode))


def lists(example: Example, _model: str, path: str) -> Request:
    """Return the request with nested lists in request and response."""
    return _request(example, path, example.input.tolist())


def rows(example: Example, _model: str, path: str) -> Request:
    """Return the request of BentoML: rows, named after the method's parameter."""
    return _request(example, path, {example.name: example.rows.tolist()})


def v2(example: Example, _model: str, path: str) -> Request:
    """Return the request of the Open Inference Protocol V2 in JSON."""
    tensor = {**example.described(), "data": example.input.ravel().tolist()}
    return _request(
        example,
        path,
        {"inputs": [tensor]},
        lambda answer: json.loads(answer)["outputs"][0]["data"],
    )


def v2_binary(example: Example, _model: str, path: str) -> Request:
    """Return V2 with the binary tensor data extension in request and response."""
    data, output = example.input.tobytes(), example.output
    tensor = {**example.described(), "parameters": {"binary_data_size": len(data)}}
    request = _request(
        example,
        path,
        {"inputs": [tensor], "parameters": {"binary_data_output": True}},
        # The only output is at the end of the response.
        lambda answer: np.frombuffer(answer[-output.nbytes :], output.dtype),
    )
    headers = {"Content-Type": "application/octet-stream", LENGTH: str(len(request.body))}
    return request._replace(body=request.body + data, headers=headers)


def v2_grpc(example: Example, model: str, path: str) -> Request:
    """Return the gRPC call of V2, with raw contents in request and response where servers can."""
    message = v2_pb2.ModelInferRequest(
        model_name=model, raw_input_contents=[example.input.tobytes()]
    )
    message.inputs.add(**example.described())

    def decode(answer: bytes) -> Array:
        try:
            response = v2_pb2.ModelInferResponse.FromString(answer)
        except DecodeError as error:
            raise ValueError(str(error)) from None
        if response.raw_output_contents:
            return np.frombuffer(response.raw_output_contents[0], example.output.dtype)
        contents = response.outputs[0].contents
        return np.asarray(contents.int64_contents or contents.fp32_contents)

    mistake = functools.partial(example.mistake, decode)
    return Request(path, message.SerializeToString(), mistake, {}, "gRPC")


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
SHORT_LISTS = LONE, FEW, MANY, CROWD = tuple(Load(SHORT, clients) for clients in (1, 8, 64, 256))
MIDDLE, LARGE = Load(MEDIUM, 16), Load(LONG, 4)
GRPC_LOADS = tuple(load._replace(format="gRPC") for load in (LONE, MANY, LARGE))


def numbers(count: int) -> Example:
    """Return a list of numbers and the double of each."""
    ascending = np.arange(1, count + 1)
    return Example("numbers", ascending, 2 * ascending)


DOUBLEIT_FILE = ROOT / torchscript.DEFAULT
LISTS = Workload(
    "doubleit",
    "lists of numbers",
    DOUBLEIT_FILE,
    lambda: {name: numbers(count) for name, count in LENGTHS.items()},
    (*SHORT_LISTS, MIDDLE, LARGE, *GRPC_LOADS),
    lambda: torchscript.build(DOUBLEIT_FILE),
)


def _network(model: str, what: str, shape: tuple[int, ...], *layers: nn.Module) -> Workload:
    """Return the workload of a network with random weights; dimension 0 of `shape` is the batch."""
    path = ROOT / "build" / "bench" / "networks" / f"{model}.pt"
    module = torch.jit.script(nn.Sequential(*layers).eval())

    @functools.cache
    def examples() -> dict[str, Example]:
        # Distributed like the pixels of a normalised image.
        pixels = np.random.default_rng(7).normal(size=shape).astype(np.float32)
        with torch.inference_mode():
            return {what: Example("input", pixels, module(torch.from_numpy(pixels)).numpy())}

    def build() -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.jit.save(module, str(path))
        # `input` is the name of the argument of nn.Sequential.
        inputs = {"input": {"datatype": "FP32", "shape": [-1, *shape[1:]]}}
        settings = {"model": {"batch": "rows", "inputs": inputs}}
        path.with_suffix(".yaml").write_text(yaml.safe_dump(settings))

    loads = [Load(what, 8, form) for form in ("JSON", "binary", "gRPC")]
    return Workload(model, f"{what}, {list(shape)}, float32,", path, examples, loads, build)


# The same weights in every run, whose figures are compared.
torch.manual_seed(7)
CNN = _network(
    "cnn",
    "an image",
    (1, 3, 224, 224),
    *(nn.Conv2d(3, 16, 7, stride=4, padding=3), nn.BatchNorm2d(16), nn.ReLU()),
    *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
    *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU()),
    *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 100)),
)
MLP = _network(
    "mlp",
    "64 rows",
    (64, 20),
    *(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()),
    *(nn.Linear(64, 5), nn.Softmax(dim=1)),
)
NETWORKS = (CNN, MLP)
