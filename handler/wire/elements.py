"""V1 for models with `batch: elements`: each instance is a number or a list with its own datatype.

The integer instances share one call of the model and the float instances another, so that a million
instances do not take a million calls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from wire import predictions
from wire.arrays import outside, quick, to_array, to_floats, write
from wire.datatypes import Place, Tensor
from wire.errors import RequestError, model_failed
from wire.inputs import as_input, only_input
from wire.interface import Input, Interface
from wire.messages import refusal
from wire.paths import Path
from wire.rendering import finite, in_shape
from wire.request import Body, Call, Outputs

# Number of dimensions of a list whose instances are lists.
LIST_OF_LISTS = 2
PATH = Path("$.instances")
Instance = int | float | list[int | float]
_INSTANCES = msgspec.json.Decoder(list[Instance])


def fits(model: Interface) -> bool:
    """Return whether an instance of the model is a list of numbers."""
    (spec,) = model.inputs
    return spec.shape is None or len(spec.shape) == 1


def parse(text: bytes, model: Interface) -> Even | Uneven:
    """Parse the instances."""
    spec = only_input(model, "A list of instances", "$.instances")
    array = quick(text, None, "auto")
    # If all instances are integers, or there is only one list, they have one datatype.
    if array is not None and (
        (array.dtype.kind != "f" and array.ndim <= LIST_OF_LISTS)
        or (array.ndim == LIST_OF_LISTS and len(array) == 1)
    ):
        return Even(spec.name, as_input(array, spec, PATH.flat(array.shape)))
    try:
        instances = _INSTANCES.decode(text)
    except msgspec.DecodeError as error:
        raise refusal(error, text, PATH) from None
    return Uneven(instances, spec)


class Even:
    """Instances that are lists of one datatype and length, or numbers of one datatype."""

    def __init__(self, name: str, given: Tensor) -> None:
        """Hold the instances as one array."""
        self._shape = given.array.shape
        self.calls: Sequence[Call] = ({name: Tensor(given.array.reshape(-1), given.datatype)},)

    def render(self, results: Sequence[Outputs], model: Interface) -> Body:
        """Return the predictions, each in the shape of its instance."""
        (output,) = results[0].values()
        if output.array.size != math.prod(self._shape):
            raise _not_elements()
        with finite(PATH.flat(self._shape), model):
            return predictions.of(write(in_shape(output, self._shape)))


class Uneven:
    """Instances with different datatypes or lengths, which may be a mix of lists and numbers."""

    def __init__(self, instances: list[Instance], spec: Input) -> None:
        """Collect the integers and the floats of all instances."""
        self._instances = instances
        gathered: tuple[list[Any], list[Any]] = ([], [])
        self._floats = bytearray(len(instances))
        for i, instance in enumerate(instances):
            if isinstance(instance, list):
                self._floats[i] = float in map(type, instance)
                gathered[self._floats[i]].extend(instance)
            else:
                self._floats[i] = type(instance) is float
                gathered[self._floats[i]].append(instance)
        whole, fractions = gathered
        reach = outside(spec.minimum, spec.maximum)
        self._used = [kind for kind in (0, 1) if gathered[kind]]
        arrays = {
            0: lambda: to_array(whole, self._place(0), reach),
            1: lambda: to_floats(fractions, self._place(1)),
        }
        self.calls: Sequence[Call] = [
            {spec.name: as_input(arrays[kind](), spec, self._place(kind))} for kind in self._used
        ]

    def _place(self, kind: int) -> Place:
        """Return the function for the path of a number by its index among those of one kind."""

        def place(index: int) -> str:
            for i, instance in enumerate(self._instances):
                if self._floats[i] == kind:
                    size = len(instance) if isinstance(instance, list) else 1
                    if index < size:
                        return PATH.at((i, index) if isinstance(instance, list) else (i,))
                    index -= size
            return PATH.prefix

        return place

    def render(self, results: Sequence[Outputs], model: Interface) -> Body:
        """Return the predictions, each in the shape of its instance."""
        numbers: dict[int, list[Any]] = {0: [], 1: []}
        for kind, call, result in zip(self._used, self.calls, results, strict=True):
            (output,), (given,) = result.values(), call.values()
            if output.array.shape != given.array.shape:
                raise _not_elements()
            with finite(self._place(kind), model):
                # Through JSON, so that a float32 keeps its shortest representation.
                numbers[kind] = orjson.loads(write(output))
        ends = [0, 0]
        answers: list[object] = []
        for instance, kind in zip(self._instances, self._floats, strict=True):
            start = ends[kind]
            if isinstance(instance, list):
                ends[kind] = start + len(instance)
                answers.append(numbers[kind][start : ends[kind]])
            else:
                ends[kind] = start + 1
                answers.append(numbers[kind][start])
        return predictions.of(orjson.dumps(answers))


def _not_elements() -> RequestError:
    return model_failed("The model answered with more or fewer numbers than it was given")
