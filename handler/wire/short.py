"""A fast path for short lists of numbers, for models with `batch: elements`.

Any other body, and any invalid one, goes to the general parsers, which write the error messages.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from wire.datatypes import Tensor
from wire.interface import Input, Interface
from wire.paths import Path
from wire.rendering import write
from wire.request import Body, Call, Outputs

# Bytes. Longer lists are parsed faster by simdjson, without a Python object for each number.
SHORT_BYTES = 256

_PLACE = Path().flat((0,))
_LIST = msgspec.json.Decoder(list[int | float])


class Short:
    """A request that is a short list."""

    shape = None

    def __init__(self, call: Call) -> None:
        """Hold the one call."""
        self.calls: Sequence[Call] = (call,)

    def render(self, results: Sequence[Outputs], model: Interface) -> Body:
        """Return the model's output as a list."""
        (output,) = results[0].values()
        text = bytearray()
        write(text, output, _PLACE, model)
        return Body(text)


def parse(text: bytes | bytearray, spec: Input) -> Short | None:
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
            return Short({spec.name: Tensor(array, "INT64")})
    elif array.dtype == np.float64 and float in map(type, numbers):
        # NumPy also turns integers beyond int64 into floats: require a float among them.
        return Short({spec.name: Tensor(array, "FP64")})
    return None
