"""KServe V1, and Vertex AI's form of it: `{"instances": ...}` to `{"predictions": ...}`.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
import numpy as np
import orjson

from wire.arrays import Array, IntegerBounds, not_finite, to_array
from wire.request import ModelId


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """The body; Vertex AI's `parameters` are accepted and unused."""

    instances: list[int | float | list[int | float]]
    parameters: Any = None


class Instances:
    """A V1 request: each instance, a list or a number of its own, is an input of its own."""

    def __init__(self, arrays: list[Array], scalar: list[bool]) -> None:
        """Hold the arrays, and which of them came as a single number."""
        self.arrays = arrays
        self._scalar = scalar

    def render(self, outputs: Sequence[Array], model: ModelId) -> bytes:  # noqa: ARG002 (as the others)
        """Return `{"predictions": [...]}`; a number is answered by a number where there is one."""
        predictions = [
            output.item() if scalar and output.size == 1 else output.tolist()
            for output, scalar in zip(outputs, self._scalar, strict=True)
        ]
        text = orjson.dumps({"predictions": predictions})
        # orjson writes null for what JSON cannot carry, and writes it for nothing else here.
        if b"null" in text:
            for i, (output, scalar) in enumerate(zip(outputs, self._scalar, strict=True)):
                if not np.isfinite(output).all():
                    place = (
                        partial(_scalar_place, [i] * output.size)
                        if scalar
                        else partial(_list_place, i)
                    )
                    raise not_finite(output, place)
        return text


def _scalar_place(instances: Sequence[int], index: int) -> str:
    return f"$.instances[{instances[index]}]"


def _list_place(instance: int, index: int) -> str:
    return f"$.instances[{instance}][{index}]"


_BODY = msgspec.json.Decoder(Body)


def parse(data: bytes, bounds: IntegerBounds) -> Instances:
    """Parse a V1 body; raise RequestError, or msgspec's errors for what is not of this form."""
    instances = _BODY.decode(data).instances
    arrays: dict[int, Array] = {}
    # Numbers of one kind go through one array: 100 000 of them cost as much as one list.
    for kind in (int, float):
        where = [i for i, instance in enumerate(instances) if type(instance) is kind]
        numbers: list[Any] = [instances[i] for i in where]
        whole = to_array(numbers, bounds, partial(_scalar_place, where))
        arrays.update(zip(where, whole.reshape(-1, 1), strict=True))
    for i, instance in enumerate(instances):
        if isinstance(instance, list):
            arrays[i] = to_array(instance, bounds, partial(_list_place, i))
    return Instances(
        [arrays[i] for i in range(len(instances))],
        [not isinstance(instance, list) for instance in instances],
    )
