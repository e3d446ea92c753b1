"""Open Inference Protocol V2 (KServe V2): tensors by name, as JSON or as binary data.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_binary_data.html
"""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
import orjson
from msgspec import UNSET, UnsetType

from wire import duplicates, limits
from wire.arrays import read
from wire.datatypes import DATATYPES, DTYPES, Array, Tensor, cast, kind, natural, wider
from wire.errors import Path, Place, brief, invalid, shorten, type_of
from wire.inputs import accepted, specs
from wire.interface import Body, Call, Input, Interface, Outputs
from wire.pieces import MAX_DIMENSIONS, Kind
from wire.rendering import write

Dimension = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
# Parameters for features that are not supported.
REFUSED = ("classification", "shared_memory_region", "sequence_id")


class Parameters(msgspec.Struct):
    """Parameters of a request or a tensor, as JSON; others are ignored and create no objects."""

    classification: msgspec.Raw | UnsetType = UNSET
    shared_memory_region: msgspec.Raw | UnsetType = UNSET
    sequence_id: msgspec.Raw | UnsetType = UNSET
    binary_data: msgspec.Raw | UnsetType = UNSET
    binary_data_output: msgspec.Raw | UnsetType = UNSET
    binary_data_size: msgspec.Raw | UnsetType = UNSET


class InputTensor(msgspec.Struct, forbid_unknown_fields=True):
    """An input tensor; `data` is parsed later, with the help of its datatype and shape."""

    name: str
    shape: Annotated[list[Dimension], msgspec.Meta(max_length=MAX_DIMENSIONS)]
    datatype: str
    data: msgspec.Raw | UnsetType = UNSET
    parameters: Parameters | None = None


class RequestedOutput(msgspec.Struct, forbid_unknown_fields=True):
    """An output that the client requests."""

    name: str
    parameters: Parameters | None = None


class Document(msgspec.Struct, forbid_unknown_fields=True):
    """An inference request."""

    inputs: Annotated[list[InputTensor], msgspec.Meta(min_length=1)]
    id: str | None = None
    parameters: Parameters | None = None
    outputs: list[RequestedOutput] | None = None
    # KServe's own client repeats the name and version of the URL; only the URL is used.
    model_name: str | None = None
    model_version: str | None = None


class Echo(NamedTuple):
    """What a response repeats of a tensor; it does not hold the tensor.

    Attributes:
        shape: the shape in the request.
        datatype: the datatype in the request.
        cast_to: the datatype in which the model gets the tensor.
        place: returns the JSON path of the number at an index.
    """

    shape: list[int]
    datatype: str
    cast_to: str
    place: Place


# Inputs by name, as the model gets them.
Inputs = Mapping[str, tuple[Tensor, Echo]]


class Inference:
    """A V2 request. It holds neither the document nor its tensors beyond `calls`."""

    def __init__(self, document: Document, inputs: Inputs, model: Interface) -> None:
        """Take from the document what the response repeats."""
        self.calls: Sequence[Call] = ({name: tensor for name, (tensor, _) in inputs.items()},)
        self._id = document.id
        self._binary, self._requested = _selection(document)
        # With `batch: elements`, the response has the shape and datatype of the only input.
        self._echo: Echo | None = None
        if model.batch == "elements":
            ((_, self._echo),) = inputs.values()

    def render(self, results: Sequence[Outputs], model: Interface) -> Body:
        """Return the inference response with the outputs that the client requests."""
        head: dict[str, object] = {"model_name": model.name, "model_version": model.version}
        if self._id is not None:
            head["id"] = self._id
        text = bytearray(orjson.dumps(head)[:-1] + b',"outputs":')
        separator = b"["
        binary: list[memoryview] = []
        size = 0
        echo = self._echo
        for name, output, as_binary in self._chosen(results[0], model):
            shape, place = list(output.array.shape), Path(f"$.outputs.{name}").flat
            if echo:
                output = _as_given(output, echo)  # noqa: PLW2901 (the same output)
                shape = echo.shape if math.prod(echo.shape) == output.array.size else shape
            tensor: dict[str, object] = {"name": name, "shape": shape, "datatype": output.datatype}
            if as_binary:
                data = np.ascontiguousarray(output.array).reshape(-1).view(np.uint8).data
                tensor["parameters"] = {"binary_data_size": len(data)}
                binary.append(data)
                size += len(data)
                limits.check_response(size)
                text += separator + orjson.dumps(tensor)
            else:
                text += separator + orjson.dumps(tensor)[:-1] + b',"data":'
                flat = Tensor(output.array.reshape(-1), output.datatype)
                write(text, flat, echo.place if echo else place(shape), model)
                text += b"}"
            separator = b","
        text += b"]}" if separator == b"," else b"[]}"
        if not binary:
            return Body(text)
        return Body(b"".join([text, *binary]), len(text))

    def _chosen(self, outputs: Outputs, model: Interface) -> list[tuple[str, Tensor, bool]]:
        """Return the requested outputs: name, tensor, and whether to send it as binary data."""
        selected = self._requested
        if not selected:
            return [(name, output, self._binary) for name, output in outputs.items()]
        chosen = []
        for i, (name, as_binary) in enumerate(selected.items()):
            if name in outputs:
                chosen.append((name, outputs[name], as_binary))
            elif len(outputs) == len(selected) == 1 and not model.several:
                # If the model has one output, the client may choose its name.
                (only,) = outputs.values()
                chosen.append((name, only, as_binary))
            else:
                has = ", ".join(outputs) or "none"
                raise invalid(
                    f'The model\'s answer has no output "{shorten(name)}", it has {has}',
                    f"$.outputs[{i}].name",
                )
        return chosen


def _selection(document: Document) -> tuple[bool, dict[str, bool]]:
    """Return whether outputs are binary by default, and by name those that are requested."""
    default = _flag(document.parameters, "binary_data_output", "$.parameters", False)
    requested: dict[str, bool] = {}
    for i, output in enumerate(document.outputs or ()):
        if output.name in requested:
            # Each copy would multiply the response.
            raise invalid(
                f'The output "{shorten(output.name)}" appears twice', f"$.outputs[{i}].name"
            )
        place = f"$.outputs[{i}].parameters"
        requested[output.name] = _flag(output.parameters, "binary_data", place, default)
    return default, requested


def _as_given(output: Tensor, echo: Echo) -> Tensor:
    """Return an output in the request's datatype if the model got a wider one."""
    if output.datatype != echo.cast_to:
        return output
    return Tensor(cast(output, echo.datatype, echo.place), echo.datatype)


_SIZE = msgspec.json.Decoder(Annotated[int, msgspec.Meta(ge=0)])
_DOCUMENT = msgspec.json.Decoder(Document)


def parse(data: bytes | bytearray, model: Interface, binary: memoryview | None) -> Inference:
    """Parse a V2 request.

    Args:
        data: the JSON document.
        model: the model that the request is for.
        binary: the bytes after the JSON; None if no binary tensors may follow.

    Raises:
        RequestError: the request is invalid, or the model does not accept it.
        msgspec.ValidationError: the document does not have the fields of V2.
    """
    document = _DOCUMENT.decode(data)
    texts = [tensor.data for tensor in document.inputs if isinstance(tensor.data, msgspec.Raw)]
    duplicates.refuse(data, texts)
    _check_parameters(document)
    inputs: dict[str, tuple[Tensor, Echo]] = {}
    rest = binary
    for i, tensor in enumerate(document.inputs):
        spec = _spec(tensor, model, f"$.inputs[{i}].name")
        if spec.name in inputs:
            raise invalid(
                f'The input "{shorten(tensor.name)}" appears twice', f"$.inputs[{i}].name"
            )
        piece, rest = _binary(tensor, rest, f"$.inputs[{i}]")
        inputs[spec.name] = _input(tensor, piece, spec, model, i)
    if rest:
        raise invalid(f"{len(rest)} bytes follow the last tensor", "the binary data")
    used = {spec.name: inputs[spec.name] for spec in specs(inputs, model, "$.inputs")}
    return Inference(document, used, model)


def _check_parameters(document: Document) -> None:
    _refuse(document.parameters, "$.parameters")
    for i, tensor in enumerate(document.inputs):
        _refuse(tensor.parameters, f"$.inputs[{i}].parameters")
    for i, output in enumerate(document.outputs or ()):
        _refuse(output.parameters, f"$.outputs[{i}].parameters")


def _refuse(parameters: Parameters | None, place: str) -> None:
    for name in REFUSED if parameters else ():
        if _parameter(parameters, name) is not None:
            raise invalid(f"{name} is not supported", f"{place}.{name}")


def _flag(parameters: Parameters | None, name: str, place: str, default: bool) -> bool:
    value = _parameter(parameters, name)
    if value is None:
        return default
    if value not in _FLAGS:
        raise invalid(f"Expected true or false, got {type_of(value)}", f"{place}.{name}")
    return _FLAGS[value]


def _parameter(parameters: Parameters | None, name: str) -> bytes | None:
    """Return the JSON text of a parameter; None if it is absent or null."""
    value = getattr(parameters, name, UNSET)
    return None if value is UNSET or bytes(value) == b"null" else bytes(value)


_FLAGS = {b"true": True, b"false": False}


def _spec(tensor: InputTensor, model: Interface, place: str) -> Input:
    """Return the input that a tensor is for; with one input, the client may choose its name."""
    if model.any_name:
        return Input(tensor.name)
    if len(model.inputs) == 1:
        return model.inputs[0]
    for spec in model.inputs:
        if spec.name == tensor.name:
            return spec
    names = ", ".join(spec.name for spec in model.inputs)
    raise invalid(f'The model has no input "{shorten(tensor.name)}", it has {names}', place)


def _binary(
    tensor: InputTensor, rest: memoryview | None, place: str
) -> tuple[memoryview | None, memoryview | None]:
    """Return the tensor's part of the binary data, or None, and the rest of the data."""
    value = _parameter(tensor.parameters, "binary_data_size")
    place = f"{place}.parameters.binary_data_size"
    if value is None:
        return None, rest
    try:
        size = _SIZE.decode(value)
    except msgspec.DecodeError:
        raise invalid("Expected a number of bytes", place) from None
    if rest is None:
        raise invalid("Binary data needs the header Inference-Header-Content-Length", place)
    if size > len(rest):
        raise invalid(f"Expected {brief(size)} bytes of binary data, got {len(rest)}", place)
    return rest[:size], rest[size:]


def _input(
    tensor: InputTensor, piece: memoryview | None, spec: Input, model: Interface, index: int
) -> tuple[Tensor, Echo]:
    """Parse a tensor and check that the input accepts it."""
    prefix = f"$.inputs[{index}]"
    datatype = _datatype(tensor.datatype, spec, f"{prefix}.datatype")
    count = math.prod(tensor.shape)
    path = Path(f"{prefix}.data")
    if piece is None:
        array, place = _from_json(tensor, count, path)
    else:
        array, place = _from_binary(tensor, piece, count, prefix), path.flat((count,))
    shape = None if model.batch == "elements" else tensor.shape
    numbers = Tensor(array, tensor.datatype)
    value = accepted(numbers, datatype, spec, place, shape, f"{prefix}.shape")
    return value, Echo(tensor.shape, tensor.datatype, datatype, place)


def _datatype(datatype: str, spec: Input, place: str) -> str:
    """Return the datatype in which the model gets a tensor of the client's datatype."""
    if datatype in DATATYPES:
        chosen = wider(datatype, spec.datatypes) if spec.datatypes else datatype
        if chosen is not None:
            return chosen
    accepted = [other for other in DATATYPES if not spec.datatypes or wider(other, spec.datatypes)]
    what = "supported" if datatype in (*DATATYPES, "BYTES") else "known"
    raise invalid(
        f"Datatype '{shorten(datatype)}' is not {what}, expected one of {', '.join(accepted)}",
        place,
    )


def _from_json(tensor: InputTensor, count: int, path: Path) -> tuple[Array, Place]:
    """Return a tensor's numbers as a flat array; they may be sent flat or nested like `shape`."""
    text = b"" if tensor.data is UNSET else bytes(tensor.data)
    if text in (b"", b"null"):
        raise invalid("Missing data", path.prefix)
    shape = tensor.shape
    rank = len(shape) if len(shape) > 1 and text.count(b"[") != 1 else 1
    expected: Kind = {"b": "bool", "f": "float", "i": "auto"}[kind(tensor.datatype)]  # type: ignore[assignment]
    problem = f"does not fit {tensor.datatype}"
    array = read(text, rank, path, expected, problem, tensor.datatype)
    if rank > 1:
        _check_nesting(array.shape, shape, path)
    if array.size != count:
        raise invalid(
            f"Expected {brief(count)} numbers for shape {shorten(str(shape))}, got {array.size}",
            path.prefix,
        )
    place = path.flat(array.shape)
    return cast(natural(array), tensor.datatype, place).reshape(-1), place


def _check_nesting(sizes: Sequence[int], shape: Sequence[int], path: Path) -> None:
    for depth, (got, size) in enumerate(zip(sizes, shape, strict=True)):
        if got != size:
            raise invalid(
                f"Expected a list of {size}, as shape says, got {got} of them", path.at([0] * depth)
            )
        if not size:
            break  # an empty list has no nested lists


def _from_binary(tensor: InputTensor, piece: memoryview, count: int, place: str) -> Array:
    if tensor.data is not UNSET and bytes(tensor.data) != b"null":
        raise invalid("Expected data or binary data, got both", f"{place}.data")
    dtype = DTYPES[tensor.datatype]
    if len(piece) != count * dtype.itemsize:
        raise invalid(
            f"Expected {brief(count * dtype.itemsize)} bytes for {tensor.datatype} of shape "
            f"{shorten(str(tensor.shape))}, got {len(piece)}",
            f"{place}.parameters.binary_data_size",
        )
    array: Array = np.frombuffer(piece, np.uint8 if tensor.datatype == "BOOL" else dtype)
    # PyTorch only allows the bytes 0 and 1 as booleans.
    return array != 0 if tensor.datatype == "BOOL" else array
