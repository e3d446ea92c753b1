"""Large lists of numbers, parsed straight into an array.

`msgspec` makes a Python object of each number, and NumPy reads each again: for a large list that is
most of a request's cost. simdjson, as strict a parser, writes the numbers into an array. It parses
the bare form only, and what it does not take for certain is left to the other parser, which knows
the words for what is wrong.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import simdjson

from wire.arrays import Array, IntegerBounds

# Bytes. Below this a list is parsed as fast the other way.
LARGE = 256

# Bytes. A parser's memory, many times its largest list, is kept for lists up to this size: for a
# longer one it is asked for anew, which costs it little.
KEPT = 1 << 20

_kept = [simdjson.Parser()]


def parse(data: bytes, bounds: IntegerBounds) -> Array | None:
    """Return the 1-D int64 or float64 array of a large list of numbers.

    None where `data` is not large, not a list of numbers, or holds an integer that is out of
    bounds or float64's range: whatever it is, the other parser says.
    """
    # simdjson takes a byte order mark before a list, and flattens lists in it.
    if len(data) < LARGE or not data.startswith(b"[") or data.count(b"[") > 1:
        return None
    # One fraction makes the list float64. An integer list is never read as one: beyond int64 its
    # numbers would come out rounded.
    floats = b"." in data or b"e" in data or b"E" in data
    keep = len(data) <= KEPT
    parser = _kept.pop() if keep and _kept else simdjson.Parser()
    try:
        document = cast("simdjson.Array", parser.parse(data))
        buffer = document.as_buffer(of_type="d" if floats else "i")
    # What simdjson raises for each of its errors; a BIGINT_ERROR is the RuntimeError.
    except (RuntimeError, TypeError, ValueError):
        buffer = None
    # Not reached where memory ran out: a parser that has met that may not be used again.
    if keep:
        _kept.append(parser)
    if buffer is None:
        return None
    if floats:
        return np.frombuffer(buffer, np.float64)
    array = np.frombuffer(buffer, np.int64)
    return array if array.min() >= bounds.minimum and array.max() <= bounds.maximum else None
