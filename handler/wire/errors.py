"""The error for a single request, and the helpers that write its message."""

from __future__ import annotations

from typing import Literal

# Maximum number of characters of client input that a message repeats.
ECHO_CHARACTERS = 100
# Maximum size in bits of an integer that a message repeats: 78 digits.
ECHO_BITS = 256


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
