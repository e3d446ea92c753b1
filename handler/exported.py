"""Reads a .pt2 file of `torch.export.save`: its inputs, their datatypes and their dimensions.

torch.export is imported only for such files, because that takes seconds.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from settings import FILE, InputSettings, ModelSettings
from signature import (
    Signature,
    check_batch,
    check_names,
    described,
    refuse_dynamic_quantization,
)
from wire.interface import Input

# The largest lower limit of a dimension that a program does not require.
UNREQUIRED = 2


def load(path: Path, device: torch.device) -> Any:  # noqa: ANN401 (an ExportedProgram)
    """Return the program in a .pt2 file, on a device."""
    from torch.export import load as load_program  # noqa: PLC0415 (see above)
    from torch.export import passes  # noqa: PLC0415

    program = load_program(str(path))
    return program if device.type == "cpu" else passes.move_to_device_pass(program, device)


def read(  # noqa: C901 (a sentence for each refusal)
    program: Any,  # noqa: ANN401 (an ExportedProgram)
    settings: ModelSettings,
    names: Mapping[torch.dtype, str],
) -> tuple[Signature, Callable[..., object]]:
    """Return a program's signature, and a function that takes its inputs by name or the only one.

    Args:
        program: the program.
        settings: the settings, which may name fewer datatypes and add bounds.
        names: the datatypes that are served.

    Raises:
        ValueError: the program or its settings are not supported; the message gives the reason.
    """
    from torch.utils import _pytree as pytree  # noqa: PLC0415

    if program.example_inputs is None:
        raise ValueError("the file has no example inputs: save it with torch.export.save")
    leaves, structure = pytree.tree_flatten(program.example_inputs)
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    specs = [
        input_spec.arg
        for input_spec in program.graph_signature.input_specs
        if input_spec.kind.name == "USER_INPUT"
    ]
    tensors: list[tuple[int, Any]] = []
    inputs: list[Input] = []
    for i, (argument, leaf) in enumerate(zip(specs, leaves, strict=True)):
        value = values.get(argument.name)
        if not isinstance(leaf, torch.Tensor) or value is None:
            if not hasattr(argument, "value"):
                raise ValueError(f"the program's input {argument.name} is no tensor")
            continue  # a constant of the program
        if value.dtype not in names:
            raise ValueError(f"the program's input {argument.name} is {value.dtype}: not served")
        shape = tuple(size if isinstance(size, int) else -1 for size in value.shape)
        sizes = tuple(_range(size, program) for size in value.shape)
        base = Input(argument.name, (names[value.dtype],), shape, sizes=sizes)
        configured = settings.inputs.get(argument.name, InputSettings())
        if configured.shape is not None and not _within(configured.shape, shape):
            raise ValueError(
                f"{FILE}: model.inputs.{argument.name}: the program takes shape {list(shape)}"
            )
        if any(datatype != base.datatypes[0] for datatype in configured.datatypes):
            raise ValueError(
                f"{FILE}: model.inputs.{argument.name}: the program takes {base.datatypes[0]}"
            )
        inputs.append(described(base, configured))
        tensors.append((i, value))
    if not inputs:
        raise ValueError("the program takes no tensors")
    check_names(tuple(inputs), settings)
    check_batch(tuple(inputs), settings)
    batch, most_rows = _batch(program, [value for _, value in tensors], settings)
    function = program.module()
    places = {spec.name: i for spec, (i, _) in zip(inputs, tensors, strict=True)}

    def run(*only: torch.Tensor, **named: torch.Tensor) -> object:
        arguments = list(leaves)
        for name, tensor in (named or {inputs[0].name: only[0]}).items():
            arguments[places[name]] = tensor
        positional, keywords = pytree.tree_unflatten(arguments, structure)
        result: object = function(*positional, **keywords)
        return result

    return Signature(tuple(inputs), batch=batch, most_rows=most_rows), run


def _range(size: Any, program: Any) -> tuple[int, int | None]:  # noqa: ANN401
    """Return the smallest and the largest size of a dimension; None for no limit."""
    if isinstance(size, int):
        return size, size
    limits = program.range_constraints.get(size.node.expr)
    if limits is None:  # an expression of other dimensions
        return 0, None
    low, high = (int(n) if n.is_Integer else None for n in (limits.lower, limits.upper))
    # torch.export assumes at least 2 of a size that it does not know, and does not require it.
    return (low if low is not None and low > UNREQUIRED else 0), high


def _within(declared: list[int], shape: tuple[int, ...]) -> bool:
    return len(declared) == len(shape) and all(
        size in (-1, expected) for expected, size in zip(declared, shape, strict=True)
    )


def _batch(program: Any, inputs: list[Any], settings: ModelSettings) -> Any:  # noqa: ANN401
    """Return the setting `batch`, `rows` if dimension 0 allows it, and the most rows of a call."""
    (output,) = (node for node in program.graph.nodes if node.op == "output")
    user = [
        argument.meta["val"]
        for argument, spec in zip(output.args[0], program.graph_signature.output_specs, strict=True)
        if spec.kind.name == "USER_OUTPUT" and hasattr(argument, "meta")
    ]
    values = [*inputs, *user]
    # A dynamic dimension is a symbol, others are integers.
    symbol, *others = {str(value.shape[0]) if getattr(value, "ndim", 0) else "" for value in values}
    merged = not others and symbol.isidentifier()
    batch = settings.batch or ("rows" if merged else "none")
    if settings.batch == "rows" and not merged:
        raise ValueError(
            f"{FILE}: model.batch is rows, but dimension 0 of the inputs and outputs of the "
            "program is not one and the same dynamic dimension: set batch to none"
        )
    if batch == "none":
        return "none", None
    try:
        refuse_dynamic_quantization(_operators(program), settings)
    except ValueError:
        if settings.batch:
            raise
        return "none", None
    limits = next((r for s, r in program.range_constraints.items() if str(s) == symbol), None)
    return batch, int(limits.upper) if limits is not None and limits.upper.is_Integer else None


def _operators(program: Any) -> Iterator[str]:  # noqa: ANN401
    for module in program.graph_module.modules():
        graph = getattr(module, "graph", None)
        for node in graph.nodes if graph is not None else ():
            yield str(node.target).replace(".", "::", 1)
