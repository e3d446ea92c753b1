"""Writes responses: numbers as JSON, in pieces, and what several formats have in common."""

import math
from collections.abc import Sequence

import numpy as np
import orjson

from wire import limits
from wire.datatypes import Array, Tensor, readable
from wire.errors import Path, Place, RequestError, invalid, model_failed
from wire.interface import Interface, Outputs

# Numbers that are written at once. orjson reserves about 40 bytes for each; for a larger piece,
# that is a memory mapping of its own (MMAP_BYTES in server/settings.py), which costs page faults.
PIECE_NUMBERS = 1 << 15
_NUMPY = orjson.OPT_SERIALIZE_NUMPY


def write(text: bytearray, tensor: Tensor, place: Place, model: Interface) -> None:
    """Append a tensor as compact JSON, nested like its shape; floats are exact and shortest.

    Raises:
        RequestError: a number is NaN or infinite, or the response is larger than it may be.
    """
    array = readable(tensor)
    if not array.ndim:
        scalar = array.item() if tensor.datatype != "FP32" else array[()]
        finite = _append(text, orjson.dumps(scalar, option=_NUMPY), array)
    else:
        finite = _write(text, np.ascontiguousarray(array))
    if not finite:
        raise not_finite(array, place, model)


def _write(text: bytearray, array: Array) -> bool:
    # An empty list takes as much memory in orjson as a number.
    size = array.size or math.prod(max(1, length) for length in array.shape)
    if size <= PIECE_NUMBERS or not len(array):
        return _append(text, orjson.dumps(array, option=_NUMPY), array)
    inner = size // len(array)
    step = max(1, PIECE_NUMBERS // inner)
    text += b"["
    for start in range(0, len(array), step):
        if inner > PIECE_NUMBERS:
            finite = _write(text, array[start])
        else:
            rows = array[start : start + step]
            finite = _append(text, memoryview(orjson.dumps(rows, option=_NUMPY))[1:-1], rows)
        if not finite:
            return False
        text += b","
    text[-1:] = b"]"
    return True


def _append(text: bytearray, piece: bytes | memoryview, array: Array) -> bool:
    """Append JSON text of an array; return False if the array has NaN or infinity."""
    start = len(text)
    text += piece
    limits.check_response(len(text))
    # orjson writes null only for NaN and infinity here.
    return array.dtype.kind != "f" or text.find(b"null", start) < 0


def not_finite(array: Array, place: Place, model: Interface) -> RequestError:
    """Return the error for an output with NaN or infinity, which JSON cannot represent."""
    flat = array.reshape(-1)
    index = int(np.argmin(np.isfinite(flat)))
    message = f"The model's answer is {flat[index]}, which JSON cannot carry"
    if model.batch == "elements":
        # The number at the same index of the request caused it.
        return invalid(message, place(index))
    return model_failed(f"{message} - at {place(index)}")


def write_outputs(
    text: bytearray, outputs: Outputs, prefix: str, model: Interface, shape: Sequence[int] | None
) -> None:
    """Append the outputs of a call: an object by name if the model may return several.

    `prefix` is their path in the response, `shape` the shape that they get there if not None.
    """
    alone = len(outputs) == 1 and not model.several
    for i, (name, output) in enumerate(outputs.items()):
        shown = output if shape is None else in_shape(output, shape)
        place = Path(prefix if alone else f"{prefix}.{name}").flat(shown.array.shape)
        if not alone:
            text += b"%b%b:" % (b"," if i else b"{", orjson.dumps(name))
        write(text, shown, place, model)
    if not alone:
        text += b"}" if outputs else b"{}"


def in_shape(output: Tensor, shape: Sequence[int]) -> Tensor:
    """Return an output in the request's shape, or unchanged if its number of elements differs."""
    if output.array.shape == tuple(shape) or math.prod(shape) != output.array.size:
        return output
    return Tensor(output.array.reshape(tuple(shape)), output.datatype)
