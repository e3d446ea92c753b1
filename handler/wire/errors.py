"""The error that a client's request can cause, and how the answer says it."""

from __future__ import annotations

import orjson


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

    def to_json(self, *, v2: bool = False) -> bytes:
        """Return TorchServe's error shape; `v2` adds `error`, where V2's clients look."""
        message = str(self)
        answer: dict[str, object] = {"code": self.status, "type": self.kind, "message": message}
        if v2:
            answer["error"] = message
        return orjson.dumps(answer)


def invalid(message: str, place: str) -> RequestError:
    """Return the error for bad input at `place`, a JSON path such as `$[2]`."""
    return RequestError(f"{message} - at {place}")
