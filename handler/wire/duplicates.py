"""Refuses objects with duplicate keys: msgspec uses the last value, other parsers the first."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from wire.errors import RequestError, invalid, shorten


def refuse(data: bytes, arrays: Iterable[msgspec.Raw]) -> None:
    """Refuse a JSON document that has an object with duplicate keys.

    Args:
        data: the document, which is valid JSON.
        arrays: parts to leave out, because they are large and checked elsewhere.

    Raises:
        RequestError: an object has a duplicate key, or the document is nested too deeply.
    """
    text = _without(data, arrays).decode(errors="replace")
    try:
        # Python limits the number of digits of an integer, but not those of a float.
        json.loads(text, object_pairs_hook=_unique, parse_int=float)
    except RecursionError as error:
        raise invalid(f"Not JSON: {error}", "$") from None


def _without(data: bytes, parts: Iterable[msgspec.Raw]) -> bytes:
    """Return the document with each part replaced by the number 0."""
    start = _address(data)
    kept = []
    at = 0
    for begin, size in sorted((_address(part) - start, len(bytes(part))) for part in parts):
        kept.append(data[at:begin])
        at = begin + size
    kept.append(data[at:])
    return b"0".join(kept)


def _address(buffer: bytes | msgspec.Raw) -> int:
    # The parts share the memory of the document.
    address: int = np.frombuffer(buffer, np.uint8).__array_interface__["data"][0]
    return address


def _unique(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise RequestError(f'The key "{shorten(key)}" appears twice in an object - at $')
        seen.add(key)
