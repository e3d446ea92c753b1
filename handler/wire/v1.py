"""KServe V1, also used by Vertex AI: `{"instances": ...}` to `{"predictions": ...}`.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol

With `batch: rows`, each instance is a row, and all rows share one call. With `elements`, each
instance is a number or a list with its own datatype: the integer instances share one call and the
float instances another, so that a million instances do not take a million calls. For all other
models, each instance is a separate call.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, compress, islice
from typing import Any

import msgspec
import numpy as np
import orjson
from msgspec import UNSET, UnsetType

from wire import duplicates, limits
from wire.arrays import outside, quick, to_array
from wire.datatypes import Array, Tensor, halfway, nudged, readable
from wire.errors import (
    Path,
    Place,
    RequestError,
    invalid,
    model_failed,
    refusal,
    too_large,
    type_of,
)
from wire.inputs import as_input, check_shape, only_input, preferred, shaped, specs, tensor
from wire.interface import Body, Call, Input, Interface, Outputs, Request
from wire.rendering import in_shape, not_finite, write, write_outputs

# Each instance is a call of the model, which takes time even if the instance is small.
MAX_INSTANCES = 10_000
# Number of dimensions of a list whose instances are lists.
LIST_OF_LISTS = 2
PREFIX = "$.instances"
PATH = Path(PREFIX)
Instance = int | float | list[int | float]
Shape = tuple[int, ...] | None


class Document(msgspec.Struct, forbid_unknown_fields=True):
    """The body; Vertex AI's and TensorFlow Serving's other fields are accepted and ignored."""

    instances: msgspec.Raw
    parameters: msgspec.Raw | UnsetType = UNSET
    signature_name: str | None = None


_DOCUMENT = msgspec.json.Decoder(Document)
_RAW = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECTS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_INSTANCES = msgspec.json.Decoder(list[Instance])
_OBJECT, _EMPTY = re.compile(rb"\[[ \t\r\n]*\{"), re.compile(rb"\[[ \t\r\n]*\]")
# An instance without a fraction or an exponent, in a list of numbers or in a list of lists.
_WHOLE = (re.compile(rb"[\[,][^.eE,]*[,\]]"), re.compile(rb"\[[^.eE\]]*\]"))
_START = b'{"predictions":'
_NUMBER = re.compile(rb"[^\[\], \t\r\n]+")


def parse(data: bytes | bytearray, model: Interface) -> Request:
    """Parse a V1 request.

    Raises:
        RequestError: the request is invalid, or the model does not accept it.
        msgspec.ValidationError: the document does not have the fields of V1.
    """
    instances = _DOCUMENT.decode(data).instances
    text = bytes(instances)
    if text[:1] != b"[":
        raise invalid(f"Expected a list, got {type_of(text)}", PREFIX)
    if _OBJECT.match(text):
        limits.check_objects(text)
        objects = _OBJECTS.decode(instances)
        duplicates.refuse(data, [value for instance in objects for value in instance.values()])
        return _named_rows(objects, model) if model.batch == "rows" else _calls(objects, model)
    duplicates.refuse(data, [instances])
    spec = only_input(model, "A list of instances", PREFIX)
    if model.batch == "rows":
        if _EMPTY.match(text):
            return Rows(0, None)
        rows = shaped(text, spec, PATH, PREFIX)
        return Rows(len(rows.array), {spec.name: rows})
    if model.batch == "elements" and (spec.shape is None or len(spec.shape) == 1):
        return _elements(text, spec)
    return _calls(_RAW.decode(text), model, spec)


class Rows:
    """A V1 request whose instances are rows of the model's inputs."""

    def __init__(self, count: int, call: Call | None) -> None:
        """Hold the rows; `call` is None if there are none."""
        self._count = count
        self.calls: Sequence[Call] = () if call is None else (call,)

    def render(self, results: Sequence[Outputs], model: Interface) -> Body:
        """Return a prediction for each row: an object if the model may return several outputs."""
        text = bytearray(_START)
        if not results:
            text += b"[]"
            return _body(text)
        (outputs,) = results
        for name, output in outputs.items():
            if output.array.shape[:1] != (self._count,):
                raise model_failed(
                    f"The model's {name} has shape {list(output.array.shape)}: "
                    f"no row for each of {self._count} instances"
                )
        if len(outputs) == 1 and not model.several:
            (output,) = outputs.values()
            write(text, output, Path("$.predictions").flat(output.array.shape), model)
            return _body(text)
        arrays = {name: np.ascontiguousarray(readable(output)) for name, output in outputs.items()}
        for name, array in arrays.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise not_finite(array, Path("$.predictions", name).flat(array.shape), model)
        for i in range(self._count):
            text += b"," if i else b"["
            row = {name: array[i] for name, array in arrays.items()}
            text += orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY)
            limits.check_response(len(text))
        text += b"]"
        return _body(text)


def _named_rows(instances: Sequence[Mapping[str, msgspec.Raw]], model: Interface) -> Rows:
    """Parse instances that are objects with one row per input."""
    names = instances[0].keys()
    for i, instance in enumerate(instances):
        if instance.keys() != names:
            raise invalid("Expected the same inputs in each instance", f"{PREFIX}[{i}]")
    call: dict[str, Tensor] = {}
    for spec in specs(names, model, f"{PREFIX}[0]"):
        values = [bytes(instance[spec.name]) for instance in instances]
        path = Path(PREFIX, spec.name)
        if spec.number:
            numbers = tensor(b"[%b]" % b",".join(values), spec, 1, path).array
            if (numbers != numbers[0]).any():
                i = int(np.argmax(numbers != numbers[0]))
                raise invalid(f"Expected one {spec.name} for all instances", path.at((i,)))
            call[spec.name] = Tensor(numbers[0].reshape(()), spec.datatypes[0])
        else:
            call[spec.name] = shaped(b"[%b]" % b",".join(values), spec, path, path.at((0,)))
    return Rows(len(instances), call)


def _elements(text: bytes, spec: Input) -> "Even | Uneven":
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
        text = bytearray(_START)
        write(text, in_shape(output, self._shape), PATH.flat(self._shape), model)
        return _body(text)


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
            datatype = preferred("FP64", spec)
            # Finding the floats' texts among integers takes as long as all the rest.
            if kind and len(halfway(array, datatype)):
                array = nudged(array, self._fractions(text), datatype)
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
        text = bytearray(_START)
        text += orjson.dumps(answers)
        limits.check_response(len(text))
        return _body(text)


def _listed(instance: Instance) -> list[int | float]:
    return instance if isinstance(instance, list) else [instance]


def _not_elements() -> RequestError:
    return model_failed("The model answered with more or fewer numbers than it was given")


class Calls:
    """A V1 request whose instances are separate calls."""

    def __init__(self, calls: Sequence[Call], shapes: Sequence[Shape]) -> None:
        """Hold the calls and the shape of each prediction; None for that of the model's output."""
        self.calls = calls
        self._shapes = shapes

    def render(self, results: Sequence[Outputs], model: Interface) -> Body:
        """Return the outputs of each call: an object if the model may return several."""
        text = bytearray(_START)
        for i, (outputs, shape) in enumerate(zip(results, self._shapes, strict=True)):
            text += b"," if i else b"["
            write_outputs(text, outputs, f"$.predictions[{i}]", model, shape)
        text += b"]" if results else b"[]"
        return _body(text)


def _calls(instances: Sequence[Any], model: Interface, only: Input | None = None) -> Calls:
    """Parse instances for an input or, if that is None, objects with a value per input."""
    if len(instances) > MAX_INSTANCES:
        raise too_large(
            f"Expected at most {MAX_INSTANCES} instances, each a call of the model, got "
            f"{len(instances)} - at {PREFIX}"
        )
    calls: list[Call] = []
    shapes: list[Shape] = []
    for i, instance in enumerate(instances):
        place = f"{PREFIX}[{i}]"
        values = (
            [(only, instance, place)]
            if only
            else [
                (spec, instance[spec.name], f"{place}.{spec.name}")
                for spec in specs(instance, model, place)
            ]
        )
        parsed = [_instance(bytes(raw), spec, model, Path(path)) for spec, raw, path in values]
        calls.append(
            {spec.name: value for (spec, *_), (value, _) in zip(values, parsed, strict=True)}
        )
        shapes.append(parsed[0][1] if len(parsed) == 1 else None)
    return Calls(calls, shapes)


def _instance(text: bytes, spec: Input, model: Interface, path: Path) -> tuple[Tensor, Shape]:
    """Return an instance as the model gets it, and the shape of its prediction if not None."""
    rank = None if spec.shape is None else len(spec.shape)
    number = text[:1] not in (b"[", b"{", b'"', b"n") and not spec.number and rank != 0
    # A number is read as a list with one element.
    value = tensor(b"[%b]" % text if number else text, spec, 1 if number else rank, path)
    check_shape(value.array.shape, spec, path.prefix)
    shape = () if number else value.array.shape
    if model.batch == "elements":
        return Tensor(value.array.reshape(-1), value.datatype), shape
    return value, () if number else None


def _body(text: bytearray) -> Body:
    text += b"}"
    return Body(text)
