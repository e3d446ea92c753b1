"""V1 for models with `batch: rows`: each instance is a row, and all rows share one call."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import orjson

from wire import limits
from wire.datatypes import Tensor, readable
from wire.errors import Path, invalid, model_failed
from wire.inputs import only_input, shaped, specs, tensor
from wire.interface import Body, Call, Interface, Outputs
from wire.rendering import ended, not_finite, predictions, write

PREFIX = "$.instances"
_EMPTY = re.compile(rb"\[[ \t\r\n]*\]")


class Rows:
    """A V1 request whose instances are rows of the model's inputs."""

    def __init__(self, count: int, call: Call | None) -> None:
        """Hold the rows; `call` is None if there are none."""
        self._count = count
        self.calls: Sequence[Call] = () if call is None else (call,)

    def render(self, results: Sequence[Outputs], model: Interface) -> Body:
        """Return a prediction for each row: an object if the model may return several outputs."""
        text = predictions()
        if not results:
            text += b"[]"
            return ended(text)
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
            return ended(text)
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
        return ended(text)


def parse(text: bytes, model: Interface) -> Rows:
    """Parse instances that are rows of a single input."""
    spec = only_input(model, "A list of instances", PREFIX)
    if _EMPTY.match(text):
        return Rows(0, None)
    rows = shaped(text, spec, Path(PREFIX), PREFIX)
    return Rows(len(rows.array), {spec.name: rows})


def parse_objects(instances: Sequence[Mapping[str, msgspec.Raw]], model: Interface) -> Rows:
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
