"""V1 for all other models: each instance is a separate call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from wire.datatypes import Tensor
from wire.errors import Path, too_large
from wire.inputs import check_shape, only_input, specs, tensor
from wire.interface import Body, Call, Input, Interface, Outputs
from wire.rendering import ended, predictions, write_outputs

# Each instance is a call of the model, which takes time even if the instance is small.
MAX_INSTANCES = 10_000
PREFIX = "$.instances"

_INSTANCES = msgspec.json.Decoder(list[msgspec.Raw])


Shape = tuple[int, ...] | None


class Calls:
    """A V1 request whose instances are separate calls."""

    def __init__(self, calls: Sequence[Call], shapes: Sequence[Shape]) -> None:
        """Hold the calls and the shape of each prediction; None for that of the model's output."""
        self.calls = calls
        self._shapes = shapes

    def render(self, results: Sequence[Outputs], model: Interface) -> Body:
        """Return the outputs of each call: an object if the model may return several."""
        text = predictions()
        for i, (outputs, shape) in enumerate(zip(results, self._shapes, strict=True)):
            text += b"," if i else b"["
            write_outputs(text, outputs, f"$.predictions[{i}]", model, shape)
        text += b"]" if results else b"[]"
        return ended(text)


def parse(text: bytes, model: Interface) -> Calls:
    """Parse instances for a single input."""
    spec = only_input(model, "A list of instances", PREFIX)
    instances = _INSTANCES.decode(text)
    _check_count(len(instances))
    parsed = [
        _instance(bytes(instance), spec, model, Path(f"{PREFIX}[{i}]"))
        for i, instance in enumerate(instances)
    ]
    return Calls([{spec.name: value} for value, _ in parsed], [shape for _, shape in parsed])


def parse_objects(instances: Sequence[Mapping[str, msgspec.Raw]], model: Interface) -> Calls:
    """Parse instances that are objects with a value per input."""
    _check_count(len(instances))
    calls, shapes = [], []
    for i, instance in enumerate(instances):
        inputs = specs(instance.keys(), model, f"{PREFIX}[{i}]")
        parsed = [
            _instance(bytes(instance[spec.name]), spec, model, Path(f"{PREFIX}[{i}].{spec.name}"))
            for spec in inputs
        ]
        calls.append({spec.name: tensor for spec, (tensor, _) in zip(inputs, parsed, strict=True)})
        shapes.append(parsed[0][1] if len(parsed) == 1 else None)
    return Calls(calls, shapes)


def _check_count(count: int) -> None:
    if count > MAX_INSTANCES:
        raise too_large(
            f"Expected at most {MAX_INSTANCES} instances, each a call of the model, got {count} "
            "- at $.instances"
        )


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
