"""Schemathesis hooks for rules in docs/openapi.yaml that JSON Schema cannot express."""

import math
from typing import Any

import schemathesis

# For each datatype, a limit up to which the double of a number still fits.
LARGEST = {
    **{f"INT{bits}": 2 ** (bits - 2) - 1 for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": 2 ** (bits - 1) - 1 for bits in (8, 16, 32)},
    "FP16": 3e4,
    "BF16": 1e38,
    "FP32": 1e38,
    "FP64": 8e307,
}


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:  # noqa: ARG001 (its signature)
    """Make the tensors of a valid V2 request match their shape and datatype."""
    mode = case.meta.generation.mode if case.meta else None
    if mode is None or not mode.is_positive or not isinstance(case.body, dict):
        return
    for tensor in case.body.get("inputs", []):
        numbers = [_fit(number, tensor["datatype"]) for number in _flat(tensor["data"])]
        tensor["data"] = numbers
        shape = [int(size) for size in tensor["shape"]]
        tensor["shape"] = shape if math.prod(shape) == len(numbers) else [len(numbers)]


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:  # noqa: ARG001 (its signature)
    """Skip large whole numbers that are written as floats.

    The server doubles 1e20 as a float; to the schema it is an integer out of range.
    """
    return not _has_large_whole_float(case.body)


def _flat(data: Any) -> list[int | float]:
    if isinstance(data, list):
        return [number for item in data for number in _flat(item)]
    return [data]


def _fit(value: Any, datatype: str) -> int | float:
    number: int | float = value if isinstance(value, (int, float)) else 0
    largest = LARGEST[datatype]
    if datatype.startswith("FP"):
        return float(max(-largest, min(largest, float(number))))
    whole = abs(int(number)) if datatype.startswith("UINT") else int(number)
    return max(-int(largest), min(int(largest), whole))


def _has_large_whole_float(value: Any) -> bool:
    if isinstance(value, float):
        return value.is_integer() and abs(value) >= LARGEST["INT64"]
    if isinstance(value, dict):
        return any(map(_has_large_whole_float, value.values()))
    return isinstance(value, list) and any(map(_has_large_whole_float, value))
