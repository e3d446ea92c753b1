"""V1 for models with `batch: elements`: each instance is a number or a list with its own datatype.

The integer instances share one call of the model and the float instances another, so that a million
instances do not take a million calls.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import chain, compress, islice
from typing import Any

import msgspec
import orjson

from wire import limits
from wire.arrays import outside, quick, to_array
from wire.datatypes import Array, Tensor, nudged
from wire.errors import Path, Place, RequestError, model_failed, refusal
from wire.inputs import as_input, only_input, preferred
from wire.interface import Body, Call, Input, Interface, Outputs
from wire.rendering import ended, in_shape, predictions, write

# Number of dimensions of a list whose instances are lists.
LIST_OF_LISTS = 2
PATH = Path("$.instances")
Instance = int | float | list[int | float]
_INSTANCES = msgspec.json.Decoder(list[Instance])
# An instance without a fraction or an exponent, in a list of numbers or in a list of lists.
_WHOLE = (re.compile(rb"[\[,][^.eE,]*[,\]]"), re.compile(rb"\[[^.eE\]]*\]"))
_NUMBER = re.compile(rb"[^\[\], \t\r\n]+")


def fits(model: Interface) -> bool:
    """Return whether an instance of the model is a list of numbers."""
    (spec,) = model.inputs
    return spec.shape is None or len(spec.shape) == 1


def parse(text: bytes, model: Interface) -> Even | Uneven:
    """Parse the instances."""
    spec = only_input(model, "A list of instances", "$.instances")
    array = quick(text, preferred("FP64", spec))
    if array is not None and _same_kind(array, text):
        return Even(spec.name, as_input(array, spec, PATH.flat(array.shape)))
    limits.check_objects(text)
    try:
        instances = _INSTANCES.decode(text)
    except msgspec.DecodeError as error:
        raise refusal(error, text, PATH) from None
    return Uneven(text, instances, spec)


def _same_kind(array: Array, text: bytes) -> bool:
    """Return whether all instances are integers, or all are floats."""
    if array.ndim > LIST_OF_LISTS:
        return False
    return array.dtype.kind != "f" or _WHOLE[array.ndim - 1].search(text) is None


class Even:
    """Instances that are lists of one datatype and length, or numbers of one datatype."""

    def __init__(self, name: str, instances: Tensor) -> None:
        """Hold the instances as one array."""
        self._shape = instances.array.shape
        self.calls: Sequence[Call] = (
            {name: Tensor(instances.array.reshape(-1), instances.datatype)},
        )

    def render(self, results: Sequence[Outputs], model: Interface) -> Body:
        """Return the predictions, each in the shape of its instance."""
        (output,) = results[0].values()
        if output.array.size != math.prod(self._shape):
            raise _not_elements()
        text = predictions()
        write(text, in_shape(output, self._shape), PATH.flat(self._shape), model)
        return ended(text)


class Uneven:
    """Instances with different datatypes or lengths, which may be a mix of lists and numbers."""

    def __init__(self, text: bytes, instances: list[Instance], spec: Input) -> None:
        """Collect the integers and the floats of all instances, each kind for one call."""
        self._instances = instances
        # For each instance, whether its numbers are floats.
        self._kinds = [float in map(type, _listed(instance)) for instance in instances]
        self._sizes: dict[bool, int] = {}
        self.calls: list[Call] = []
        for kind in (False, True):
            numbers = [*chain.from_iterable(map(_listed, compress(instances, self._are(kind))))]
            if not numbers:
                continue
            place = self._place(kind)
            array = to_array(numbers, kind, place, outside(spec.minimum, spec.maximum))
            if kind:
                array = nudged(array, self._fractions(text), preferred("FP64", spec))
            self.calls.append({spec.name: as_input(array, spec, place)})
            self._sizes[kind] = len(numbers)

    def _are(self, kind: bool) -> Iterator[bool]:
        """Yield for each instance whether it is of a kind."""
        return (other == kind for other in self._kinds)

    def _fractions(self, text: bytes) -> bytes:
        """Return the text of the numbers of all instances that are floats."""
        numbers = iter(_NUMBER.findall(text))
        own = ([*islice(numbers, len(_listed(instance)))] for instance in self._instances)
        return b",".join(chain.from_iterable(compress(own, self._kinds)))

    def _place(self, kind: bool) -> Place:
        """Return the function for the path of a number by its index among those of one kind."""

        def place(index: int) -> str:
            indices = (
                (i, j) if isinstance(instance, list) else (i,)
                for i, instance in compress(enumerate(self._instances), self._are(kind))
                for j in range(len(_listed(instance)))
            )
            return PATH.at(next(islice(indices, index, None), ()))

        return place

    def render(self, results: Sequence[Outputs], model: Interface) -> Body:
        """Return the predictions, each in the shape of its instance."""
        numbers: dict[bool, Iterator[Any]] = {False: iter(()), True: iter(())}
        for (kind, size), result in zip(self._sizes.items(), results, strict=True):
            (output,) = result.values()
            if output.array.shape != (size,):
                raise _not_elements()
            written = bytearray()
            write(written, output, self._place(kind), model)
            # Through JSON, so that a float32 keeps its shortest representation.
            numbers[kind] = iter(orjson.loads(written))
        answers = [
            [*islice(numbers[kind], len(instance))]
            if isinstance(instance, list)
            else next(numbers[kind])
            for instance, kind in zip(self._instances, self._kinds, strict=True)
        ]
        text = predictions()
        text += orjson.dumps(answers)
        limits.check_response(len(text))
        return ended(text)


def _listed(instance: Instance) -> list[int | float]:
    return instance if isinstance(instance, list) else [instance]


def _not_elements() -> RequestError:
    return model_failed("The model answered with more or fewer numbers than it was given")
