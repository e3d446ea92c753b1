"""The bare format: one array of any rank for a model with one input, such as `[1, 2, 3]`."""

from __future__ import annotations

from collections.abc import Sequence

from wire.arrays import write
from wire.datatypes import Tensor
from wire.inputs import check_shape, only_input, tensor
from wire.interface import Interface
from wire.paths import Path
from wire.rendering import as_object, finite, in_shape
from wire.request import Body, Call, Outputs

ROOT = Path()


class Bare:
    """A bare request."""

    def __init__(self, name: str, given: Tensor, shape: tuple[int, ...] | None) -> None:
        """Hold the tensor; `shape`, if not None, replaces the shape of the model's output."""
        self.calls: Sequence[Call] = ({name: given},)
        self._shape = shape

    def render(self, results: Sequence[Outputs], model: Interface) -> Body:
        """Return the output, or an object if there are several."""
        (outputs,) = results
        if self._shape is not None:
            ((name, output),) = outputs.items()
            with finite(ROOT.flat(self._shape), model):
                return Body(write(in_shape(output, self._shape)))
        texts = []
        for name, output in outputs.items():
            path = ROOT if len(outputs) == 1 else Path(f"$.{name}")
            with finite(path.flat(output.array.shape), model):
                texts.append(write(output))
        return Body(texts[0] if len(texts) == 1 else as_object(outputs, texts))


def parse(text: bytes, model: Interface) -> Bare:
    """Parse a body that is an array or a number."""
    spec = only_input(model, "A list of numbers", "$")
    rank = None if spec.shape is None else len(spec.shape)
    given = tensor(text, spec, rank, ROOT)
    shape = given.array.shape
    check_shape(shape, spec, "$")
    if model.batch != "elements":
        return Bare(spec.name, given, None)
    if len(shape) != 1:
        given = Tensor(given.array.reshape(-1), given.datatype)
    return Bare(spec.name, given, shape)
