"""The error that a client's request can cause, and how the answer says it."""

from __future__ import annotations

import orjson

# Characters of what a client sent that a message repeats at most.
ECHO_CHARACTERS = 100
# Bits of an integer that is repeated: 78 digits.
ECHO_BITS = 256


class RequestError(Exception):
    """A request that gets its own status and message and touches no other request.

    Attributes:
        status: HTTP status code.
        kind: the answer's `type`, as TorchServe names its own (`InvalidInput`, `NotFound` ...).
    """

    def __init__(self, message: str, status: int = 400, kind: str = "InvalidInput") -> None:
        """Keep the sentence that tells the client what is wrong and where."""
        super().__init__(message)
        self.status = status
        self.kind = kind

    def to_json(self) -> bytes:
        """Return TorchServe's error shape; V2's clients look for the message under `error`."""
        # A lone surrogate, which JSON can spell, has no UTF-8.
        message = str(self).encode(errors="replace").decode()
        return orjson.dumps(
            {"code": self.status, "type": self.kind, "message": message, "error": message}
        )


def invalid(message: str, place: str) -> RequestError:
    """Return the error for bad input at `place`, a JSON path such as `$[2]`."""
    return RequestError(f"{message} - at {place}")


def model_failed(message: str) -> RequestError:
    """Return the error for a request that the model failed on."""
    return RequestError(message, 500, "ModelError")


def too_large(message: str) -> RequestError:
    """Return the error for a request that would take more than it may."""
    return RequestError(message, 413, "PayloadTooLarge")


def shorten(text: str, characters: int = ECHO_CHARACTERS) -> str:
    """Return what a client sent as a message repeats it: the start of a long text."""
    return text if len(text) <= characters else f"{text[: characters - 3]}..."


def brief(number: float) -> str:
    """Return a number as a message repeats it: of a very long one its length."""
    if isinstance(number, int) and number.bit_length() > ECHO_BITS:
        return f"An integer of {number.bit_length()} bits"
    return str(number)
