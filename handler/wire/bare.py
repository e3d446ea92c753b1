"""The bare format: one array of any rank for a model with one input, such as `[1, 2, 3]`."""

from __future__ import annotations

from collections.abc import Sequence

from wire.datatypes import Tensor
from wire.inputs import check_shape, only_input, tensor
from wire.interface import Interface
from wire.paths import Path
from wire.pieces import Text
from wire.rendering import write_outputs
from wire.request import Body, Call, Outputs

ROOT = Path()


class Bare:
    """A bare request."""

    def __init__(self, name: str, given: Tensor, shape: tuple[int, ...] | None) -> None:
        """Hold the tensor; `shape`, if not None, replaces the shape of the model's output."""
        self.calls: Sequence[Call] = ({name: given},)
        self.shape = shape

    def render(self, results: Sequence[Outputs], model: Interface) -> Body:
        """Return the output, or an object if there are several."""
        (outputs,) = results
        text = bytearray()
        write_outputs(text, outputs, "$", model, self.shape)
        return Body(text)


def parse(text: Text, model: Interface) -> Bare:
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
