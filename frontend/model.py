"""The metadata of a model, requests to it, and the text and examples that follow from both."""

import base64
import json
import math
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import orjson

JSON = "application/json"
# The lengths of variable dimensions in an example: the first is one row, the others are longer.
_ROWS, _OTHERS = 1, 3


@dataclass(frozen=True, eq=False)
class Request:
    """A request's body.

    Attributes:
        body: JSON of any format of the API, or a file that the model's own code reads.
        content_type: the type of the body.
        values: 1-D, int64 or float64: the numbers, if it is a list of numbers.
        notes: a sentence for each part of the input that could have been read in another way.
    """

    body: bytes
    content_type: str = JSON
    values: np.ndarray | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tensor:
    """An input or output of a model.

    Attributes:
        datatypes: the accepted datatypes, as named in the V2 protocol; the first is the usual one.
        shape: the length of each dimension; -1 is any length. None: any shape.
        minimum, maximum: the bounds of its numbers, if any.
        names: the names of the last dimension: labels of classes, or columns; empty if unknown.
    """

    name: str
    datatypes: tuple[str, ...]
    shape: tuple[int, ...] | None
    optional: bool = False
    minimum: float | None = None
    maximum: float | None = None
    names: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether its numbers are integers."""
        return "INT" in self.datatypes[0]


@dataclass(frozen=True)
class Model:
    """A version of a model.

    Attributes:
        accepts: the content types that the archive's own code reads, such as `image/*`.
        sample: the example that the archive contains, if any.
    """

    name: str
    version: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    batch: str
    accepts: tuple[str, ...] = ()
    sample: Request | None = None

    @property
    def required(self) -> list[Tensor]:
        """The inputs that are not optional."""
        return [tensor for tensor in self.inputs if not tensor.optional]

    @property
    def takes_numbers(self) -> bool:
        """Whether the model returns one number for each number of a list."""
        shapes = [tensor.shape for tensor in self.required]
        return self.batch == "elements" and shapes == [(-1,)] and not self.accepts


class Described(NamedTuple):
    """The model's metadata, if known; `responded` is false if the server did not send it now."""

    model: Model | None
    responded: bool
    versions: tuple[str, ...] = ()


def words(name: str, model: Model | None) -> tuple[str, str, str]:
    """Return the page's title, its introduction and the label of its button."""
    behind = "a TorchScript model behind TorchServe."
    if name == "doubleit":
        return "DoubleIt", f"Numbers in, twice the numbers out, from {behind}", "Double"
    text = "A model behind TorchServe."
    if model and model.takes_numbers:
        text = "Numbers in, a number out for each. " + text
    elif model:
        takes, gives = (", ".join(map(_describe, ts)) for ts in (model.inputs, model.outputs))
        takes = " or ".join(filter(None, [", ".join(model.accepts), takes]))
        text = f"Takes {takes}; gives {gives}. {text}"
    return name, text, "Predict"


def _describe(tensor: Tensor) -> str:
    shape = ["any" if size < 0 else str(size) for size in tensor.shape or ()]
    return f"{tensor.name} ({', '.join(filter(None, [tensor.datatypes[0], ' × '.join(shape)]))})"  # noqa: RUF001


def parse(found: Any) -> Model:  # noqa: ANN401 (any JSON)
    """Return the model that V2's metadata describes; other JSON raises one of several errors."""
    sample = found.get("example")
    if sample:
        body = sample["text"].encode() if "text" in sample else base64.b64decode(sample["base64"])
        sample = Request(body, str(sample["content_type"]))
    name, version, batch = found["name"], found["versions"][0], found.get("batch", "none")
    inputs, outputs = (tuple(map(_tensor, found[key])) for key in ("inputs", "outputs"))
    accepts = tuple(map(str, found.get("accepts", ())))
    return Model(str(name), str(version), inputs, outputs, str(batch), accepts, sample)


def _tensor(found: Any) -> Tensor:  # noqa: ANN401 (any JSON)
    datatypes = found.get("datatypes") or [found.get("datatype", "FP32")]
    shape = tuple(map(int, found["shape"])) if "shape" in found else None
    name, optional, names = found["name"], found.get("optional"), found.get("labels")
    names = tuple(map(str, names or found.get("columns") or ()))
    bounds = found.get("minimum"), found.get("maximum")
    return Tensor(str(name), tuple(map(str, datatypes)), shape, bool(optional), *bounds, names)


def example(model: Model) -> Request:
    """Return the archive's example, or a V2 request with the smallest tensors that it takes."""
    if model.sample:
        return model.sample
    if model.takes_numbers:
        return Request(json.dumps(example_of(model.required[0]).tolist()).encode())
    return v2([(each, example_of(each)) for each in model.required])


def v2(tensors: list[tuple[Tensor, np.ndarray]], notes: tuple[str, ...] = ()) -> Request:
    """Return a request of the V2 protocol."""
    lines = [
        orjson.dumps({"name": tensor.name, "shape": values.shape, "datatype": tensor.datatypes[0],
                      "data": values.ravel()}, option=orjson.OPT_SERIALIZE_NUMPY)
        for tensor, values in tensors
    ]  # fmt: skip
    return Request(b'{"inputs": [\n  %b\n]}' % b",\n  ".join(lines), notes=notes)


def numbers(values: np.ndarray, model: Model | None, notes: tuple[str, ...] = ()) -> Request:
    """Return the request for a list, in a datatype that fits the numbers and the model takes."""
    kind = "INT64" if values.dtype.kind == "i" else "FP64"
    tensor = model.inputs[0] if model else Tensor("input", ("INT64", "FP64"), (-1,))
    if kind not in tensor.datatypes:
        kind = "FP64" if "FP64" in tensor.datatypes else tensor.datatypes[0]
    return replace(v2([(replace(tensor, datatypes=(kind,)), values)], notes), values=values)


def values_of(request: Request, model: Model) -> dict[str, np.ndarray]:
    """Return the inputs in a JSON request (bare, V1 or V2) by name; empty if it has none."""
    try:
        found = json.loads(request.body)
        if isinstance(found, dict) and "inputs" in found:
            return {t["name"]: np.array(t["data"]).reshape(t["shape"]) for t in found["inputs"]}
        if isinstance(found, dict):
            found = found["instances"][0] if model.batch == "none" else found["instances"]
            if isinstance(found, list) and isinstance(found[0], dict):
                found = {name: [each[name] for each in found] for name in found[0]}
        if not isinstance(found, dict):
            found = {model.required[0].name: found}
        return {name: np.array(value) for name, value in found.items()}
    except (ValueError, LookupError, TypeError):
        return {}


def example_of(tensor: Tensor) -> np.ndarray:
    """Return small numbers that an input takes, in the smallest shape."""
    sizes = (-1,) if tensor.shape is None else tensor.shape
    shape = [
        size if size >= 0 else _ROWS if i == 0 and len(sizes) > 1 else _OTHERS
        for i, size in enumerate(sizes)
    ]
    # 0 to 10 (integers) or 1, if the model allows it.
    usual = 10 if tensor.whole else 1
    low = 0 if tensor.minimum is None else max(0, tensor.minimum)
    high = low + usual if tensor.maximum is None else min(low + usual, tensor.maximum)
    low = min(low, high)
    order = np.arange(math.prod(shape))
    data: np.ndarray = np.round(low + (high - low) * (order % 11) / 10, 3)
    if tensor.datatypes[0] == "BOOL":
        data = order % 2 == 0
    elif tensor.whole:
        data = math.ceil(low) + order % (math.floor(high) - math.ceil(low) + 1)
    return data.reshape(shape)
