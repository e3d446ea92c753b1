"""Reads the inputs of a TorchScript module and completes them from its settings.

`module.forward.schema` is preserved when a module is saved and loaded, whether it is scripted,
traced, frozen, quantized or a function. It has the names and types of the arguments, but not their
datatypes or shapes.
"""

import re
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import torch

from settings import FILE, InputSettings, ModelSettings
from wire.interface import Batching, Input

_NUMBERS = {"IntType": "INT64", "FloatType": "FP64", "BoolType": "BOOL"}
_FLOAT_NAMES = {
    torch.float16: "FP16",
    torch.bfloat16: "BF16",
    torch.float32: "FP32",
    torch.float64: "FP64",
}

Passing = Literal["arguments", "list", "dict"]


class Signature(NamedTuple):
    """The inputs of a module and how they are passed.

    Attributes:
        inputs: in the module's order.
        passing: how the module takes them: as arguments, as one list or as one dict.
        any_name: whether a request may choose the names of the inputs, because neither the module
            nor its settings name them.
        batch: how calls may be merged.
        most_rows: the most rows of one call; None for no limit.
    """

    inputs: tuple[Input, ...]
    passing: Passing = "arguments"
    any_name: bool = False
    batch: Batching = "none"
    most_rows: int | None = None


def read(module: torch.jit.ScriptModule, settings: ModelSettings) -> Signature:
    """Return a module's signature.

    Raises:
        ValueError: the module or its settings are not supported; the message gives the reason.
    """
    if not hasattr(module, "forward"):
        raise ValueError("the module has no forward method")
    schema: Any = module.forward.schema
    for result in schema.returns:
        _check_output(result.type)
    arguments = [a for a in schema.arguments if a.type.kind() != "ClassType"]
    # Others keep their default, such as the `targets` of torchvision's detectors.
    arguments = [a for a in arguments if _is_served(a.type) or not a.has_default_value()]
    if not arguments:
        raise ValueError("the module's forward takes no arguments that are served")
    if settings.batch in ("rows", "elements"):
        refuse_dynamic_quantization(_operators(module.inlined_graph), settings)
    fraction = _fraction(module)
    collection = _collection(arguments[0].type)
    if collection and len(arguments) == 1:
        return _in_collection(collection, settings, fraction)
    inputs = tuple(
        _input(argument, settings.inputs.get(argument.name, InputSettings()), fraction)
        for argument in arguments
    )
    check_names(inputs, settings)
    check_batch(inputs, settings)
    return Signature(inputs, batch=settings.batch or "none")


def check_names(inputs: tuple[Input, ...], settings: ModelSettings) -> None:
    """Refuse settings of inputs that the model does not have."""
    names = [spec.name for spec in inputs]
    for name in settings.inputs:
        if name not in names:
            raise ValueError(
                f"{FILE}: model.inputs.{name}: the module has no such argument, it has "
                f"{', '.join(names)}"
            )


def _fraction(module: torch.jit.ScriptModule) -> str:
    """Return the datatype of the module's parameters: the default for JSON's fractions."""
    dtypes = {parameter.dtype for parameter in module.parameters() if parameter.is_floating_point()}
    return _FLOAT_NAMES.get(dtypes.pop(), "FP64") if len(dtypes) == 1 else "FP64"


def _is_served(kind: Any) -> bool:  # noqa: ANN401
    if kind.kind() == "OptionalType":
        kind = kind.getElementType()
    return kind.kind() == "TensorType" or kind.kind() in _NUMBERS or bool(_collection(kind))


def _collection(kind: Any) -> Passing | None:  # noqa: ANN401 (torch's types carry no types)
    if kind.kind() == "ListType" and kind.getElementType().kind() == "TensorType":
        return "list"
    if kind.kind() == "DictType" and (
        kind.getKeyType().kind() == "StringType" and kind.getValueType().kind() == "TensorType"
    ):
        return "dict"
    return None


def _in_collection(passing: Passing, settings: ModelSettings, fraction: str) -> Signature:
    inputs = tuple(
        described(Input(name, fraction=fraction), configured)
        for name, configured in settings.inputs.items()
    )
    if settings.batch == "elements":
        raise ValueError(f"{FILE}: model.batch: elements is for a module with one tensor argument")
    check_batch(inputs, settings)
    return Signature(inputs, passing, not inputs, settings.batch or "none")


def _input(argument: Any, configured: InputSettings, fraction: str) -> Input:  # noqa: ANN401
    kind = argument.type
    optional = argument.has_default_value()
    if kind.kind() == "OptionalType":
        kind, optional = kind.getElementType(), True
    number = _NUMBERS.get(kind.kind())
    if number is None and kind.kind() != "TensorType":
        raise ValueError(
            f"the module's argument {argument.name} is {argument.type}: only tensors, numbers, "
            "optional ones, or one List[Tensor] or Dict[str, Tensor] are served"
        )
    base = Input(argument.name, optional=optional, number=bool(number), fraction=fraction)
    if number:
        if configured.datatype is not None or configured.shape is not None:
            raise ValueError(
                f"{FILE}: model.inputs.{argument.name}: the module takes a number: only minimum "
                "and maximum can be set"
            )
        base = base._replace(datatypes=(number,), shape=())
    return described(base, configured)


def described(base: Input, configured: InputSettings) -> Input:
    """Return an input with what its settings add."""
    return base._replace(
        datatypes=configured.datatypes or base.datatypes,
        shape=tuple(configured.shape) if configured.shape is not None else base.shape,
        minimum=configured.minimum,
        maximum=configured.maximum,
    )


def check_batch(inputs: tuple[Input, ...], settings: ModelSettings) -> None:
    """Refuse a setting `batch` that the inputs contradict."""
    place = f"{FILE}: model.batch"
    if settings.batch == "elements" and (len(inputs) != 1 or inputs[0].number):
        raise ValueError(f"{place}: elements is for a module with one tensor argument")
    if settings.batch == "rows":
        for spec in inputs:
            if spec.shape is not None and not spec.number and spec.shape[:1] != (-1,):
                raise ValueError(
                    f"{place}: rows needs -1 as the first dimension, model.inputs.{spec.name} has "
                    f"shape {list(spec.shape)}"
                )


def _check_output(kind: Any) -> None:  # noqa: ANN401 (torch's types carry no types)
    """Refuse unsupported output types; values of type Any are checked at each call."""
    name = kind.kind()
    if name == "TupleType":
        inner = kind.elements()
    elif name in ("OptionalType", "ListType"):
        inner = [kind.getElementType()]
    elif name == "DictType":
        inner = [kind.getValueType()]
    elif name in ("TensorType", "AnyType", *_NUMBERS):
        return
    else:
        raise ValueError(
            f"the module returns {kind}: only tensors and numbers, and tuples, lists and dicts of "
            "them, are served"
        )
    for part in inner:
        _check_output(part)


_DYNAMIC = re.compile(r"quantized::\w+_dynamic|aten::quantized_(lstm|gru)|choose_qparams")


def refuse_dynamic_quantization(operators: Iterator[str], settings: ModelSettings) -> None:
    """Refuse to merge the calls of a model that scales its activations by the whole call.

    Such a layer quantizes with the smallest and largest number of all rows together, so that the
    result of a row depends on the others.

    Raises:
        ValueError: an operator is dynamically quantized.
    """
    dynamic = next((name for name in operators if _DYNAMIC.search(name)), None)
    if dynamic:
        raise ValueError(
            f"{FILE}: model.batch is {settings.batch}, but the model has dynamically quantized "
            f"layers ({dynamic}), whose results depend on the other rows of a call: set "
            "batch to none"
        )


def _operators(graph: Any) -> Iterator[str]:  # noqa: ANN401
    for node in graph.nodes():
        yield node.kind()
        for block in node.blocks():
            yield from _operators(block)
