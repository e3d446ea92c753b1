"""The datatypes of the Open Inference Protocol, and casts to them.

NumPy has no bfloat16: a BF16 array holds the bits of its numbers as uint16.

A number is rounded once, to the nearest number of its datatype, ties to even. JSON numbers are
first read as float64. That changes the result only if the float64 lies exactly halfway between two
numbers of the datatype and the JSON number does not, so `nudged` moves such a float64 towards the
JSON number.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal, get_args

import msgspec
import numpy as np
import numpy.typing as npt

from wire.errors import Place, RequestError, brief, invalid

Array = npt.NDArray[Any]

Datatype = Literal[
    "BOOL",
    "INT8",
    "INT16",
    "INT32",
    "INT64",
    "UINT8",
    "UINT16",
    "UINT32",
    "UINT64",
    "FP16",
    "BF16",
    "FP32",
    "FP64",
]
DATATYPES: tuple[Datatype, ...] = get_args(Datatype)
INTEGERS: dict[str, np.iinfo[Any]] = {
    name: np.iinfo(name.lower()) for name in DATATYPES if "INT" in name
}
_FLOATS = {"FP16": "float16", "FP32": "float32", "FP64": "float64"}

# The NumPy dtype that holds each datatype's numbers.
DTYPES: dict[str, np.dtype[Any]] = {
    **{name: np.dtype(name.lower()) for name in INTEGERS},
    **{name: np.dtype(dtype) for name, dtype in _FLOATS.items()},
    "BOOL": np.dtype(bool),
    "BF16": np.dtype(np.uint16),
}
_NAMES = {dtype: name for name, dtype in DTYPES.items() if name != "BF16"}


class Tensor(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An array and the datatype of its numbers.

    A Struct, like all objects that are created for each request: creating one takes a third of the
    time of a NamedTuple.
    """

    array: Array
    datatype: str


def kind(datatype: str) -> str:
    """Return the kind of a datatype: `i` for integers, `f` for floats, `b` for booleans."""
    return "i" if datatype in INTEGERS else "b" if datatype == "BOOL" else "f"


def natural(array: Array) -> Tensor:
    """Return an array as a tensor with the datatype of its dtype."""
    return Tensor(array, _NAMES[array.dtype])


def readable(tensor: Tensor) -> Array:
    """Return the numbers of a tensor as an array that NumPy can compute with."""
    if tensor.datatype != "BF16":
        return tensor.array
    return (tensor.array.astype(np.uint32) << 16).view(np.float32)


def wider(datatype: str, accepted: Sequence[str]) -> str | None:
    """Return the first accepted datatype of the same kind that holds every number of `datatype`."""
    if datatype in accepted:
        return datatype
    return next((other for other in accepted if _holds(other, datatype)), None)


def _holds(wide: str, narrow: str) -> bool:
    if kind(wide) != kind(narrow):
        return False
    if "BF16" in (wide, narrow):
        return narrow == "BF16" and wide in ("FP32", "FP64")
    return np.can_cast(DTYPES[narrow], DTYPES[wide], "safe")


def cast(tensor: Tensor, datatype: str, place: Place) -> Array:
    """Return a tensor's numbers in the dtype of `datatype`.

    Raises:
        RequestError: a number is of another kind, or does not fit the datatype.
    """
    if tensor.datatype == datatype:
        return tensor.array
    array = readable(tensor)
    if datatype == "BOOL" or array.dtype == bool:
        if datatype != "BOOL" or array.dtype != bool:
            got = "bool" if array.dtype == bool else str(array.dtype)
            expected = "booleans" if datatype == "BOOL" else "numbers"
            raise invalid(f"Expected {expected} for {datatype}, got {got}", place(0))
        return array
    convert = _to_integers if datatype in INTEGERS else _to_floats
    return convert(array, datatype, place)


def _to_integers(array: Array, datatype: str, place: Place) -> Array:
    if array.dtype.kind == "f":
        if array.size:
            raise _not_integer(array, datatype, place)
        return array.astype(DTYPES[datatype])
    limits = INTEGERS[datatype]
    if array.size and (int(array.min()) < limits.min or int(array.max()) > limits.max):
        outside = np.zeros(array.shape, bool)
        # NumPy raises an error when an array is compared with a limit that its dtype cannot hold.
        held = np.iinfo(array.dtype)
        if limits.min > held.min:
            outside |= array < limits.min
        if limits.max < held.max:
            outside |= array > limits.max
        raise does_not_fit(array, outside, datatype, place)
    return array.astype(DTYPES[datatype], copy=False)


def _not_integer(array: Array, datatype: str, place: Place) -> RequestError:
    flat = array.reshape(-1)
    index = int(np.argmax(flat != np.floor(flat)))
    return invalid(f"Expected an integer for {datatype}, got {flat[index]}", place(index))


def _to_floats(array: Array, datatype: str, place: Place) -> Array:
    if array.dtype.kind != "f" and datatype == "BF16":
        array = _nudged_integers(array.reshape(-1), datatype).reshape(array.shape)
    with np.errstate(over="ignore"):
        narrow = array.astype(_FLOATS.get(datatype, "float32"), copy=False)
    stored = narrow
    if datatype == "BF16":
        stored, narrow = _bfloat16(array, narrow)
    if array.dtype.itemsize > DTYPES[datatype].itemsize:
        outside = np.isinf(narrow) & np.isfinite(array)
        if outside.any():
            raise does_not_fit(array, outside, datatype, place)
    return stored


def _bfloat16(array: Array, narrow: Array) -> tuple[Array, Array]:
    """Return the bits of floats as BF16, and the rounded numbers; `narrow` has them as float32."""
    bits = np.ascontiguousarray(narrow).view(np.uint32)
    if array.dtype == np.float64:
        # If float32 has rounded a number to halfway between two of BF16, undo that direction.
        tied = (bits & np.uint32(0xFFFF)) == np.uint32(0x8000)
        if tied.any():
            exact, rounded = np.abs(array), np.abs(narrow).astype(np.float64)
            bits = bits + (tied & (exact > rounded)) - (tied & (exact < rounded))
            bits = bits.astype(np.uint32)
    # Round to nearest, ties to even, as torch does.
    bits = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
    wide = ((bits >> np.uint32(16)) << np.uint32(16)).view(np.float32)
    wide = np.where(np.isfinite(narrow), wide, narrow)
    return (wide.view(np.uint32) >> np.uint32(16)).astype(np.uint16), wide


# For each datatype with fewer digits than float64: how many bits of a float64's fraction it has
# not, and the exponent of the smallest positive number's half.
_HALVES = {"FP16": (42, -25), "BF16": (45, -134), "FP32": (29, -150)}


def nudged(numbers: Array, text: bytes | bytearray, datatype: str) -> Array:
    """Return float64 numbers such that a cast to `datatype` rounds the numbers in `text` once.

    `numbers` is flat; `text` is the JSON text of their (nested) lists.
    """
    indices = halfway(numbers, datatype)
    if not len(indices):
        return numbers
    commas = np.flatnonzero(np.frombuffer(text, np.uint8) == ord(","))
    if len(commas) + 1 != len(numbers):
        return numbers  # empty lists: they are irregular, and will be refused
    edges = np.concatenate(([-1], commas, [len(text)]))
    moved = numbers.copy()
    for i in indices:
        digits = text[edges[i] + 1 : edges[i + 1]].strip(b"[] \t\r\n")
        # A short integer is exact.
        if len(digits) < 16 and digits.isdigit():  # noqa: PLR2004 (digits of float64)
            continue
        number = numbers[i].item()
        moved[i] = _toward(number, Decimal(digits.decode()), Decimal(number))
    return moved


def _nudged_integers(integers: Array, datatype: str) -> Array:
    """Return flat integers as float64 numbers such that a cast to `datatype` rounds them once."""
    numbers = integers.astype(np.float64)
    for i in halfway(numbers, datatype):
        # Smaller ones are exact.
        if abs(numbers[i]) >= 2.0**53:
            numbers[i] = _toward(numbers[i].item(), int(integers[i]), int(numbers[i]))
    return numbers


def halfway(numbers: Array, datatype: str) -> Array:
    """Return the indices of float64 numbers in the middle between two of `datatype`."""
    if datatype not in _HALVES:
        return np.empty(0, np.intp)
    dropped, exponent = _HALVES[datatype]
    bits = numbers.view(np.uint64)
    tied = (bits & np.uint64((1 << dropped) - 1)) == np.uint64(1 << (dropped - 1))
    # Subnormal numbers have fewer digits: halves are odd multiples of 2^exponent.
    small = (np.abs(numbers) < 2.0 ** (exponent + 53 - dropped)) & (numbers != 0)
    if small.any():
        steps = numbers[small] * 2.0**-exponent
        tied[small] = np.mod(steps, 2) == 1
    return np.flatnonzero(tied)


def _toward(number: float, exact: Any, rounded: Any) -> float:  # noqa: ANN401
    """Return the float64 next to `number` in the direction of `exact`, if they differ."""
    if exact == rounded:
        return number
    return math.nextafter(number, math.inf if exact > rounded else -math.inf)


def does_not_fit(array: Array, outside: Array, datatype: str, place: Place) -> RequestError:
    """Return the error for the first number that `outside` marks as out of range."""
    index = int(np.argmax(outside.reshape(-1)))
    number = array.reshape(-1)[index].item()
    return invalid(f"{brief(number)} does not fit {datatype}", place(index))
