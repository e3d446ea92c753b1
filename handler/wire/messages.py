"""Rewrites msgspec's error messages for clients."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from wire.errors import RequestError, shorten
from wire.paths import Path

_WORDS = {
    "int | float | array": "a number or a list of numbers",
    "int | float": "a number",
    "array | int | float": "a number or a list of numbers",
    "array": "a list",
}
_BYTE = re.compile(r"\(byte (\d+)\)")
_PLACE = re.compile(r" - at `?\$((?:\[\d+\])*)`?$")


def refusal(
    error: msgspec.DecodeError,
    data: bytes | bytearray,
    path: Path | None = None,
    start: Sequence[int] = (),
    shift: int = 0,
) -> RequestError:
    """Return the error response for an error of msgspec.

    Args:
        error: the error that msgspec raised.
        data: the text that msgspec decoded.
        path: the path of the array in `data`; None if `data` is a whole document.
        start: the indices of the first element, if `data` is a later part of an array.
        shift: the position of the first byte.
    """
    message = str(error)
    if not isinstance(error, msgspec.ValidationError):
        if "byte" not in message:
            message = f"{message} (byte {len(data)})"
        message = _BYTE.sub(lambda match: f"(byte {int(match[1]) + shift})", message)
        return RequestError(f"Not JSON: {message}")
    if path is not None:
        match = _PLACE.search(message)
        indices = [int(i) for i in re.findall(r"\d+", match[1])] if match else []
        for depth, first in enumerate(start[: len(indices)]):
            moved = not indices[depth]
            indices[depth] += first
            if not moved:
                break
        message = f"{_PLACE.sub('', message)} - at {path.at(indices)}"
    elif " - at `$" not in message:
        message += " - at $"
    sentence, _, place = message.rpartition(" - at ")
    sentence = re.sub(r"^Expected `([^`]*)`", _expected, sentence)
    sentence = re.sub(r"`([^`]*)`", lambda match: shorten(match[1]), sentence)
    return RequestError(f"{sentence} - at {place.replace('`', '')}")


def _expected(match: re.Match[str]) -> str:
    return f"Expected {_WORDS.get(match[1], match[1])}"


_TYPES = {b"{": "object", b"[": "list", b'"': "str", b"t": "bool", b"f": "bool", b"n": "null"}


def type_of(text: bytes) -> str:
    """Return the type of a JSON value, as msgspec names it in its messages."""
    number = "float" if any(byte in text for byte in b".eE") else "int"
    return _TYPES.get(text[:1], number)
