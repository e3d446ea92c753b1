"""The error for a single request: what is wrong, and where, as a JSON path."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, SupportsInt

import msgspec
import numpy as np

# Maximum number of characters of client input that a message repeats.
ECHO_CHARACTERS = 100
# Maximum size in bits of an integer that a message repeats: 78 digits.
ECHO_BITS = 256

# Returns the JSON path of the number at an index of a flat array.
Place = Callable[[int], str]
Kind = Literal["InvalidInput", "NotFound", "PayloadTooLarge", "UnsupportedMediaType", "ModelError"]


class RequestError(Exception):
    """An error of one request; other requests of the batch are not affected.

    Attributes:
        kind: the value of `type` in the response.
    """

    def __init__(self, message: str, kind: Kind = "InvalidInput") -> None:
        """Take the message for the client, which says what is wrong and where."""
        super().__init__(message)
        self.kind: Kind = kind


def invalid(message: str, place: str) -> RequestError:
    """Return the error for bad input at `place`, a JSON path such as `$[2]`."""
    return RequestError(f"{message} - at {place}")


def model_failed(message: str) -> RequestError:
    """Return the error for a request that the model failed on."""
    return RequestError(message, "ModelError")


def too_large(message: str) -> RequestError:
    """Return the error for a request that exceeds a limit."""
    return RequestError(message, "PayloadTooLarge")


def beyond_memory(message: str) -> RequestError:
    """Return the error for a request that takes more memory than the server has for it."""
    return too_large(
        f"{message}. The limit follows from the server's memory: give its container more memory, "
        "or raise MEMORY"
    )


def shorten(text: str) -> str:
    """Return client input for use in a message; a long text is cut."""
    return text if len(text) <= ECHO_CHARACTERS else f"{text[: ECHO_CHARACTERS - 3]}..."


def brief(number: float) -> str:
    """Return a number for use in a message; for a very long integer, return its size."""
    if isinstance(number, int) and number.bit_length() > ECHO_BITS:
        return f"An integer of {number.bit_length()} bits"
    return str(number)


class Path(NamedTuple):
    """The path of an array in a document.

    Attributes:
        prefix: the path of the array itself, such as `$.inputs[0].data`.
        member: the key, if the array consists of one member of each object in a list.
    """

    prefix: str = "$"
    member: str | None = None

    def at(self, indices: Iterable[SupportsInt]) -> str:
        """Return the path of the element at `indices`, one index per list."""
        parts = [f"[{int(i)}]" for i in indices]
        if self.member is not None and parts:
            parts[0] += f".{self.member}"
        return self.prefix + "".join(parts)

    def flat(self, shape: Sequence[int]) -> Place:
        """Return the function for the path of a number by its index in the flattened array."""
        if len(shape) == 1:
            return lambda index: self.at((index,))
        return lambda index: self.at(np.unravel_index(index, tuple(shape)) if shape else ())


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
    """Return the error response for an error of msgspec in `data`.

    `path` is that of the array in `data`, None if that is a whole document. If it is a later part
    of an array, `start` has the indices of its first element and `shift` the position of its first
    byte.
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
