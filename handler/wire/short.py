"""Short lists of numbers for a model of `elements`: the smallest request, and the most frequent.

Whatever is not certainly such a list is left to the general form, which knows the words for what is
wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from wire.arrays import NotFiniteError, write
from wire.datatypes import Tensor
from wire.errors import invalid
from wire.interface import Input, Interface
from wire.request import Body, Call, Outputs

# Bytes. Longer lists are parsed faster without a Python object for each number.
SHORT_BYTES = 256

_LIST = msgspec.json.Decoder(list[int | float])


class Short:
    """A short list."""

    def __init__(self, call: Call) -> None:
        """Hold the one call."""
        self.calls: Sequence[Call] = (call,)

    def render(self, results: Sequence[Outputs], model: Interface) -> Body:  # noqa: ARG002 (as the others)
        """Return the list of the model's answers."""
        (output,) = results[0].values()
        try:
            return Body(write(output))
        except NotFiniteError as error:
            raise invalid(str(error), f"$[{error.index}]") from None


def parse(text: bytes | bytearray, spec: Input) -> Short | None:
    """Return the request; None where the text is no list that the input takes as it is."""
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
        # NumPy makes floats of integers that are too large for it, too.
        return Short({spec.name: Tensor(array, "FP64")})
    return None
