"""Two networks with random weights, for images and for tables, and the requests for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import yaml
from torch import nn

from scripts.bench.workloads import JSON, Load, Request, check
from server.store.paths import ROOT

FOLDER = ROOT / "build" / "bench" / "networks"
Floats = npt.NDArray[np.float32]
# Tolerances: the result of a convolution depends on the order of summation in the library.
RELATIVE, ABSOLUTE = 1e-3, 1e-5
LENGTH = "Inference-Header-Content-Length"
TENSORS = (Load("JSON", 8), Load("binary", 8))


def _cnn() -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 7, stride=4, padding=3), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.BatchNorm2d(64), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 100)),
    )


def _mlp() -> nn.Module:
    hidden = [nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()]
    return nn.Sequential(*hidden, nn.Linear(64, 5), nn.Softmax(dim=1))


class Network:
    """A network and the input that is sent to every server.

    Attributes:
        name: its name in URLs.
        title: its name in tables.
        shape: the shape of the input; dimension 0 is the batch.
        path: its TorchScript file.
    """

    def __init__(self, name: str, title: str, make: Callable[[], nn.Module], *shape: int) -> None:
        """Store how to make the network; `build` makes it."""
        self.name, self.title, self.shape, self._make = name, title, shape, make
        self.path = FOLDER / f"{name}.pt"

    def build(self) -> None:
        """Write the TorchScript file and a settings file for this server next to it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torch.jit.save(self._module, str(self.path))
        # `input` is the name of the argument of nn.Sequential.
        taken = {"input": {"datatype": "FP32", "shape": [-1, *self.shape[1:]]}}
        settings = yaml.safe_dump({"model": {"batch": "rows", "inputs": taken}})
        self.path.with_suffix(".yaml").write_text(settings)

    @cached_property
    def _module(self) -> torch.jit.ScriptModule:
        torch.manual_seed(7)
        return torch.jit.script(self._make().eval())

    @cached_property
    def input(self) -> Floats:
        """The input, distributed like the pixels of a normalised image."""
        return np.random.default_rng(7).normal(size=self.shape).astype(np.float32)

    @cached_property
    def output(self) -> Floats:
        """The network's output for the input."""
        with torch.inference_mode():
            answer: Floats = self._module(torch.from_numpy(self.input)).numpy()
        return answer

    def lists(self, path: str) -> Request:
        """Return the request with nested lists in request and response."""
        return Request(path, _json(self.input.tolist()), JSON, self._check(lambda answer: answer))

    def v2(self, path: str) -> Request:
        """Return the request of the Open Inference Protocol V2 in JSON."""
        body = _json({"inputs": [{**self._head, "data": self.input.ravel().tolist()}]})
        return Request(path, body, JSON, self._check(lambda a: a["outputs"][0]["data"]))

    def v2_binary(self, path: str) -> Request:
        """Return V2 with the binary tensor data extension in request and response."""
        data = self.input.tobytes()
        tensor = {**self._head, "parameters": {"binary_data_size": len(data)}}
        head = _json({"inputs": [tensor], "parameters": {"binary_data_output": True}})
        headers = {"Content-Type": "application/octet-stream", LENGTH: str(len(head))}
        return Request(path, head + data, headers, self._check(self._last, bytes))

    @property
    def _head(self) -> dict[str, object]:
        return {"name": "input", "shape": list(self.shape), "datatype": "FP32"}

    def _last(self, answer: bytes) -> Floats:
        """Return the only output, which is at the end of the response."""
        return np.frombuffer(answer[-self.output.nbytes :], np.float32)

    def _check(
        self, decode: Callable[[Any], Any], parse: Callable[[bytes], Any] = json.loads
    ) -> Callable[[bytes], str]:
        def output(answer: Any) -> Floats:  # noqa: ANN401 (any JSON)
            return np.asarray(decode(answer), np.float32).reshape(self.output.shape)

        def right(answer: Floats) -> bool:
            return np.allclose(answer, self.output, RELATIVE, ABSOLUTE)

        return check(output, right, f"the response is not the output of {self.name}", parse)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


CNN = Network("cnn", "an image, [1, 3, 224, 224]", _cnn, 1, 3, 224, 224)
MLP = Network("mlp", "64 rows of 20", _mlp, 64, 20)
NETWORKS = [CNN, MLP]
