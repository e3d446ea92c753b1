"""The bare format: one array of any rank for a model with one input, such as `[1, 2, 3]`."""

from collections.abc import Sequence

import msgspec
import numpy as np

from wire.datatypes import Tensor
from wire.errors import Path
from wire.inputs import only_input, shaped
from wire.interface import Body, Call, Input, Interface, Outputs
from wire.pieces import Text
from wire.rendering import write, write_outputs

ROOT = Path()
_IN_LIST = ROOT.flat((0,))
# Bytes. Up to here msgspec parses a list faster than simdjson, which needs no Python object for
# each number: 1.4 us instead of 6.8 us for three integers.
SHORT_BYTES = 256
_LIST = msgspec.json.Decoder(list[int | float])


class Bare:
    """A bare request."""

    def __init__(self, name: str, numbers: Tensor, shape: tuple[int, ...] | None) -> None:
        """Hold the tensor; `shape`, if not None, replaces the shape of the model's output."""
        self.calls: Sequence[Call] = ({name: numbers},)
        self.shape = shape

    def render(self, results: Sequence[Outputs], model: Interface) -> Body:
        """Return the output, or an object if there are several."""
        (outputs,) = results
        text = bytearray()
        # Most responses. Making the path for an error message would take 0.6 of 1.6 us.
        if self.shape is None and len(outputs) == 1 and not model.several:
            (output,) = outputs.values()
            if output.array.ndim == 1:
                write(text, output, _IN_LIST, model)
                return Body(text)
        write_outputs(text, outputs, "$", model, self.shape)
        return Body(text)


def parse(text: Text, model: Interface) -> Bare:
    """Parse a body that is an array or a number."""
    spec = only_input(model, "A list of numbers", "$")
    numbers = shaped(text, spec, ROOT, "$")
    shape = numbers.array.shape
    if model.batch != "elements":
        return Bare(spec.name, numbers, None)
    if len(shape) != 1:
        numbers = Tensor(numbers.array.reshape(-1), numbers.datatype)
    return Bare(spec.name, numbers, shape)


def parse_short(text: Text, spec: Input) -> Bare | None:
    """Return the request; None if the text is not a list that the input takes unchanged."""
    if spec.shape != (-1,) or spec.datatypes != ("INT64", "FP64"):
        return None
    try:
        numbers = _LIST.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not numbers:
        return None
    array = np.array(numbers)
    if array.dtype == np.int64:
        low, high = spec.minimum, spec.maximum
        if (low is None or min(numbers) >= low) and (high is None or max(numbers) <= high):
            return Bare(spec.name, Tensor(array, "INT64"), None)
    elif array.dtype == np.float64 and float in map(type, numbers):
        # NumPy also turns integers beyond int64 into floats: require a float among them.
        return Bare(spec.name, Tensor(array, "FP64"), None)
    return None
