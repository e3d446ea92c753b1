"""Refuses an object that has a key twice: msgspec takes the last one, other parsers the first."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

from wire.errors import RequestError, invalid, shorten


def refuse(data: bytes, arrays: Iterable[msgspec.Raw]) -> None:
    """Refuse a JSON document with an object that has a key twice.

    Args:
        data: the document; it is valid JSON.
        arrays: parts of it that are checked elsewhere: they are large, and hold no objects.

    Raises:
        RequestError: a key stands twice, or the document is nested too deeply.
    """
    text = _without(data, arrays).decode(errors="replace")
    try:
        # An integer's digits are limited in Python, a float's are not.
        json.loads(text, object_pairs_hook=_unique, parse_int=float)
    except RecursionError as error:
        raise invalid(f"Not JSON: {error}", "$") from None


def _without(data: bytes, parts: Iterable[msgspec.Raw]) -> bytes:
    """Return the document with a number in place of each part."""
    start = _address(data)
    kept = []
    at = 0
    for begin, size in sorted((_address(part) - start, len(bytes(part))) for part in parts):
        kept.append(data[at:begin])
        at = begin + size
    kept.append(data[at:])
    return b"0".join(kept)


def _address(buffer: bytes | msgspec.Raw) -> int:
    # msgspec's parts share the document's memory.
    address: int = np.frombuffer(buffer, np.uint8).__array_interface__["data"][0]
    return address


def _unique(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise RequestError(f'The key "{shorten(key)}" stands twice in an object - at $')
        seen.add(key)
