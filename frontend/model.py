"""The metadata of a model, and the page's text and example request for it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

# A longer example is offered as a file and not put into the text field.
EXAMPLE_NUMBERS = 2_000
# The lengths of variable dimensions in an example: the first is one row, the others are longer.
_ROWS, _OTHERS = 1, 3


@dataclass(frozen=True)
class Tensor:
    """An input or output of a model.

    Attributes:
        datatypes: the accepted datatypes, as named in the V2 protocol; the first is the usual one.
        shape: the length of each dimension; -1 is any length.
        minimum: the smallest number that is accepted; None if there is no limit.
        maximum: the largest number that is accepted; None if there is no limit.
    """

    name: str
    datatypes: tuple[str, ...]
    shape: tuple[int, ...]
    optional: bool = False
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class Model:
    """A version of a model."""

    name: str
    version: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    batch: str

    @property
    def takes_numbers(self) -> bool:
        """Whether the model returns one number for each number of a list."""
        required = [tensor for tensor in self.inputs if not tensor.optional]
        return self.batch == "elements" and len(required) == 1 and required[0].shape == (-1,)


@dataclass(frozen=True)
class Words:
    """The page's text for a model."""

    title: str
    text: str
    button: str


_DOUBLEIT = Words(
    "DoubleIt", "Numbers in, twice the numbers out, from a TorchScript model behind TorchServe.",
    "Double",
)  # fmt: skip


def words(name: str, model: Model | None) -> Words:
    """Return the page's title, its introduction and the label of its button."""
    if name == "doubleit":
        return _DOUBLEIT
    if model is None or model.takes_numbers:
        text = "Numbers in, a number out for each, from a TorchScript model behind TorchServe."
    else:
        takes, gives = (", ".join(map(_describe, ts)) for ts in (model.inputs, model.outputs))
        text = f"Takes {takes}; gives {gives}. A TorchScript model behind TorchServe."
    return Words(name, text, "Predict")


def _describe(tensor: Tensor) -> str:
    shape = " \u00d7 ".join("any" if size < 0 else str(size) for size in tensor.shape)
    return f"{tensor.name} ({tensor.datatypes[0]}{', ' if shape else ''}{shape})"


def parse(found: Any) -> Model:  # noqa: ANN401 (any JSON)
    """Return the model that the metadata describes.

    Raises:
        ValueError, LookupError, TypeError: it is not metadata of the V2 protocol.
    """
    return Model(
        str(found["name"]),
        str(found["versions"][0]),
        tuple(map(_tensor, found["inputs"])),
        tuple(map(_tensor, found["outputs"])),
        str(found.get("batch", "none")),
    )


def _tensor(found: Any) -> Tensor:  # noqa: ANN401 (any JSON)
    datatypes = found.get("datatypes") or [found["datatype"]]
    return Tensor(
        str(found["name"]),
        tuple(map(str, datatypes)),
        tuple(map(int, found["shape"])),
        bool(found.get("optional")),
        found.get("minimum"),
        found.get("maximum"),
    )


def example(model: Model) -> str:
    """Return a request of the V2 protocol with the smallest tensors that the model takes."""
    tensors = [_example(tensor) for tensor in model.inputs if not tensor.optional]
    lines = ",\n  ".join(json.dumps(tensor) for tensor in tensors)
    return f'{{"inputs": [\n  {lines}\n]}}'


def _example(tensor: Tensor) -> dict[str, object]:
    shape = [
        size if size >= 0 else _ROWS if i == 0 and len(tensor.shape) > 1 else _OTHERS
        for i, size in enumerate(tensor.shape)
    ]
    datatype = tensor.datatypes[0]
    lowest, highest = _bounds(tensor)
    count = math.prod(shape)
    if datatype == "BOOL":
        data: list[object] = [i % 2 == 0 for i in range(count)]
    elif "INT" in datatype:
        low, high = math.ceil(lowest), math.floor(highest)
        data = [low + i % (high - low + 1) for i in range(count)]
    else:
        data = [round(lowest + (highest - lowest) * (i % 11) / 10, 3) for i in range(count)]
    return {"name": tensor.name, "shape": shape, "datatype": datatype, "data": data}


def _bounds(tensor: Tensor) -> tuple[float, float]:
    """Return the range of an example's numbers: 0 to 10 (integers) or 1, if the model allows it."""
    usual = 10 if "INT" in tensor.datatypes[0] else 1
    low = 0 if tensor.minimum is None else max(0, tensor.minimum)
    high = low + usual if tensor.maximum is None else min(low + usual, tensor.maximum)
    return (low, high) if low <= high else (high, high)
