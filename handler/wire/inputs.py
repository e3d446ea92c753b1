"""Converts JSON text without a datatype (bare, V1) to a tensor for an input of the model."""

import re
from collections.abc import Collection, Sequence

from wire.arrays import check_bounds, outside, read
from wire.datatypes import INTEGERS, Array, Tensor, cast, kind, natural
from wire.errors import Path, Place, RequestError, invalid, shorten
from wire.interface import Input, Interface
from wire.pieces import Kind, Text

_BOOLEAN = re.compile(rb"[\[ \t\r\n]*[tf]")


def tensor(text: Text, spec: Input, rank: int | None, path: Path) -> Tensor:
    """Parse a JSON text, without leading white space, as a tensor for an input.

    `rank` is the required number of dimensions, None for any; `path` that of the text.

    Raises:
        RequestError: the text is not a tensor, or the input does not accept it.
    """
    problem = outside(spec.minimum, spec.maximum)
    array = read(text, rank, path, _kind(text, spec), problem, preferred("FP64", spec))
    return as_input(array, spec, path.flat(array.shape))


def shaped(text: Text, spec: Input, path: Path, place: str) -> Tensor:
    """Parse a JSON text as a tensor of the input's shape; `place` is named if it has another."""
    parsed = tensor(text, spec, None if spec.shape is None else len(spec.shape), path)
    check_shape(parsed.array.shape, spec, place)
    return parsed


def as_input(array: Array, spec: Input, place: Place) -> Tensor:
    """Return numbers from JSON in the datatype that the input prefers for them."""
    numbers = natural(array)
    if numbers.datatype in ("INT64", "UINT64"):
        check_bounds(array, spec.minimum, spec.maximum, place)
    datatype = preferred(numbers.datatype, spec)
    if datatype == numbers.datatype:
        return numbers
    return Tensor(cast(numbers, datatype, place), datatype)


def accepted(  # noqa: PLR0913, PLR0917 (what an error names)
    numbers: Tensor, datatype: str, spec: Input, at: Place, shape: Sequence[int] | None, place: str
) -> Tensor:
    """Return numbers as an input takes them: in `datatype`, and in `shape` unless that is None.

    `at` returns the path of the number at an index, `place` is the path of the shape.

    Raises:
        RequestError: the input does not accept a number or the shape.
    """
    array = cast(numbers, datatype, at)
    if datatype in INTEGERS:
        check_bounds(array, spec.minimum, spec.maximum, at)
    if spec.number:
        if array.size != 1:
            raise invalid(f"Expected one number for {spec.name}, got {array.size}", place)
        return Tensor(array.reshape(()), datatype)
    if shape is not None:
        check_shape(shape, spec, place)
        try:
            array = array.reshape(shape)
        except ValueError:
            # NumPy refuses such a size even for an array without elements.
            raise invalid("The shape is too large", place) from None
    return Tensor(array, datatype)


def preferred(datatype: str, spec: Input) -> str:
    """Return the datatype in which the input gets JSON numbers read as `datatype`."""
    if not spec.datatypes:
        return spec.fraction if datatype == "FP64" else datatype
    same = (accepted for accepted in spec.datatypes if kind(accepted) == kind(datatype))
    return next(same, spec.datatypes[0])


def _kind(text: Text, spec: Input) -> Kind:
    kinds = {kind(datatype) for datatype in spec.datatypes}
    if kinds == {"f"}:
        return "float"
    if kinds == {"b"} or ((not kinds or "b" in kinds) and _BOOLEAN.match(text)):
        return "bool"
    return "auto"


def check_shape(shape: Sequence[int], spec: Input, place: str) -> None:
    """Refuse a shape that does not match that of the input, where -1 matches any size."""
    expected = spec.shape
    if expected is not None and not (
        len(expected) == len(shape)
        and all(declared in (-1, actual) for declared, actual in zip(expected, shape, strict=True))
    ):
        raise invalid(
            f"Expected shape {list(expected)} for {spec.name}, got {shorten(str(list(shape)))}",
            place,
        )
    for i, ((low, high), size) in enumerate(zip(spec.sizes, shape, strict=False)):
        if size < low or (high is not None and size > high):
            limit = f"at least {low}" if size < low else f"at most {high}"
            raise invalid(f"Expected {limit} in dimension {i} of {spec.name}, got {size}", place)


def only_input(model: Interface, what: str, place: str) -> Input:
    """Return the input for a request without names: the only input, or the only required one.

    Raises:
        RequestError: there is no such input.
    """
    if len(model.inputs) == 1:
        return model.inputs[0]
    required = [spec for spec in model.inputs if not spec.optional]
    if len(required) == 1:
        return required[0]
    names = ", ".join(spec.name for spec in required)
    raise RequestError(
        f"{what} is for a model with one input; this one takes {names or 'inputs by name'}: "
        f'send an object with "inputs" - at {place}'
    )


def specs(names: Collection[str], model: Interface, place: str) -> list[Input]:
    """Return the inputs that the keys of an object name, in the module's order.

    Raises:
        RequestError: a key is not the name of an input, or an input is missing.
    """
    if model.any_name:
        return [Input(name) for name in names]
    known = [spec.name for spec in model.inputs]
    for name in names:
        if name not in known:
            raise invalid(
                f'The model has no input "{shorten(str(name))}", it has {", ".join(known)}', place
            )
    missing = [spec.name for spec in model.inputs if not spec.optional and spec.name not in names]
    if missing:
        raise invalid(f"Missing input {', '.join(missing)}", place)
    return [spec for spec in model.inputs if spec.name in names]
