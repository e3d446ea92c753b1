"""Open Inference Protocol V2 (KServe V2): one input tensor to one output tensor, as JSON.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol

A tensor's numbers are checked against its datatype, on the way in and on the way out. An answer
has the request's datatype and shape where the model's answer allows it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
import orjson
from msgspec import UNSET, UnsetType

from wire.arrays import Array, IntegerBounds, brief, to_array, to_floats, to_json
from wire.errors import RequestError, invalid
from wire.request import ModelId

# The datatypes that int64 and float64 tensors hold exactly.
INTEGERS = {name: np.iinfo(name.lower()) for name in ("INT8", "INT16", "INT32", "INT64")}
INTEGERS |= {name: np.iinfo(name.lower()) for name in ("UINT8", "UINT16", "UINT32")}
FLOATS: dict[str, np.dtype[Any]] = {"FP32": np.dtype("float32"), "FP64": np.dtype("float64")}
REFUSED = ("BOOL", "UINT64", "FP16", "BF16", "BYTES")

Dimension = Annotated[int, msgspec.Meta(ge=0)]
Parameters = dict[str, Any]


class Input(msgspec.Struct, forbid_unknown_fields=True):
    """An input tensor; `data` is read once its datatype and shape are known."""

    name: str
    shape: Annotated[list[Dimension], msgspec.Meta(min_length=1)]
    datatype: str
    data: msgspec.Raw | UnsetType = UNSET
    parameters: Parameters | UnsetType = UNSET


class Output(msgspec.Struct, forbid_unknown_fields=True):
    """An output that the client asks for. Whatever form its parameters ask for, it gets JSON."""

    name: str
    parameters: Parameters | UnsetType = UNSET


class Body(msgspec.Struct, forbid_unknown_fields=True):
    """The body of an inference request."""

    inputs: Annotated[list[Input], msgspec.Meta(min_length=1, max_length=1)]
    id: str | UnsetType = UNSET
    parameters: Parameters | UnsetType = UNSET
    outputs: Annotated[list[Output], msgspec.Meta(max_length=1)] | UnsetType = UNSET
    # KServe's own client repeats what the address says; the address is what counts.
    model_name: str | UnsetType = UNSET
    model_version: str | UnsetType = UNSET


class Inference:
    """A V2 request with its one tensor, flattened row by row."""

    def __init__(self, body: Body, array: Array) -> None:
        """Hold what the answer repeats: id, shape, datatype and the output's name."""
        self.arrays = (array,)
        self._id = body.id
        self._shape = body.inputs[0].shape
        self._datatype = body.inputs[0].datatype
        self._output = body.outputs[0].name if body.outputs else "output"

    def render(self, outputs: Sequence[Array], model: ModelId) -> bytes:
        """Return the inference response with the one output tensor."""
        output = outputs[0]
        datatype, output = _cast(output, self._datatype)
        shape = self._shape if math.prod(self._shape) == output.size else [output.size]
        head: dict[str, object] = {"model_name": model.name, "model_version": model.version}
        if self._id is not UNSET:
            head["id"] = self._id
        tensor = orjson.dumps({"name": self._output, "shape": shape, "datatype": datatype})
        data = to_json(output, _place)
        return b'%b,"outputs":[%b,"data":%b}]}' % (orjson.dumps(head)[:-1], tensor[:-1], data)


_BODY = msgspec.json.Decoder(Body)
_FLAT = msgspec.json.Decoder(list[int | float])


def parse(data: bytes, bounds: IntegerBounds) -> Inference:
    """Parse a V2 body; raise RequestError, or msgspec's errors for what is not of this form."""
    body = _BODY.decode(data)
    tensor = body.inputs[0]
    numbers = _numbers(tensor)
    if tensor.datatype in INTEGERS:
        return Inference(body, _integers(numbers, tensor.datatype, bounds))
    return Inference(body, _floats(numbers, tensor.datatype))


def _place(index: int) -> str:
    return f"$.inputs[0].data[{index}]"


def _numbers(tensor: Input) -> list[int | float]:
    """Return the tensor's numbers, row by row; they may come flat or nested as `shape` says."""
    if tensor.datatype not in INTEGERS and tensor.datatype not in FLOATS:
        known = ", ".join([*INTEGERS, *FLOATS])
        what = "is not supported" if tensor.datatype in REFUSED else "is not known"
        raise invalid(
            f"Datatype {tensor.datatype!r} {what}, expected one of {known}", "$.inputs[0].datatype"
        )
    if tensor.data is UNSET:
        raise invalid(
            "Missing data; tensors are taken as JSON, not as binary data", "$.inputs[0].data"
        )
    try:
        numbers = _FLAT.decode(tensor.data)
    except msgspec.ValidationError as error:
        if "got `array`" not in str(error):
            raise _moved(error) from None
        numbers = list(_flatten(msgspec.json.decode(tensor.data), tensor.shape, "$.inputs[0].data"))
    size = math.prod(tensor.shape)
    if len(numbers) != size:
        raise invalid(
            f"Expected {size} numbers for shape {tensor.shape}, got {len(numbers)}",
            "$.inputs[0].data",
        )
    return numbers


def _flatten(data: Any, shape: Sequence[int], place: str) -> Iterator[int | float]:  # noqa: ANN401 (any JSON)
    if not shape:
        if type(data) not in (int, float):
            raise invalid(f"Expected a number, got {type(data).__name__}", place)
        yield data
        return
    if not isinstance(data, list) or len(data) != shape[0]:
        got = f"{len(data)} of them" if isinstance(data, list) else type(data).__name__
        raise invalid(f"Expected a list of {shape[0]}, as shape says, got {got}", place)
    for i, item in enumerate(data):
        yield from _flatten(item, shape[1:], f"{place}[{i}]")


def _moved(error: msgspec.ValidationError) -> msgspec.ValidationError:
    """Return msgspec's error about the data with its place in the whole body."""
    message = str(error)
    if " - at `$" in message:
        return msgspec.ValidationError(message.replace("- at `$", "- at `$.inputs[0].data"))
    return msgspec.ValidationError(f"{message} - at `$.inputs[0].data`")


def _integers(numbers: list[int | float], datatype: str, bounds: IntegerBounds) -> Array:
    if float in map(type, numbers):
        index = next(i for i, number in enumerate(numbers) if type(number) is float)
        raise invalid(f"Expected an integer for {datatype}, got {numbers[index]}", _place(index))
    limits = INTEGERS[datatype]
    if numbers and (min(numbers) < limits.min or max(numbers) > limits.max):
        index = next(i for i, n in enumerate(numbers) if not limits.min <= n <= limits.max)
        raise invalid(f"{brief(numbers[index])} does not fit {datatype}", _place(index))
    return to_array(numbers, bounds, _place)


def _floats(numbers: list[int | float], datatype: str) -> Array:
    array = to_floats(numbers, _place)
    if datatype == "FP64":
        return array
    narrow = _narrow(array, FLOATS[datatype], datatype)
    # The model's arithmetic is float64 all the same; only the numbers are float32's.
    return narrow.astype(np.float64)


def _cast(output: Array, datatype: str) -> tuple[str, Array]:
    """Return the answer's datatype and numbers: the request's, where the model kept its kind."""
    if output.dtype.kind in "iu":
        if datatype not in INTEGERS:
            return "INT64", output
        limits = INTEGERS[datatype]
        outside = (output < limits.min) | (output > limits.max)
        if outside.any():
            raise _does_not_fit(output, outside, datatype)
        return datatype, output
    if datatype in FLOATS:
        return datatype, _narrow(output, FLOATS[datatype], datatype)
    return ("FP32" if output.dtype == np.float32 else "FP64"), output


def _narrow(array: Array, dtype: np.dtype[Any], datatype: str) -> Array:
    with np.errstate(over="ignore"):
        narrow = array.astype(dtype)
    outside = np.isinf(narrow) & np.isfinite(array)
    if outside.any():
        raise _does_not_fit(array, outside, datatype)
    return narrow


def _does_not_fit(array: Array, outside: Array, datatype: str) -> RequestError:
    index = int(np.argmax(outside))
    return invalid(f"{array[index]} does not fit {datatype}", _place(index))
