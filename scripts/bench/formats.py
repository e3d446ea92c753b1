"""Request and response formats of the servers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

Numbers = Sequence[int]


class Format(Protocol):
    """A request format and a check of the response."""

    def body(self, numbers: Numbers) -> bytes:
        """Return the request's body."""

    def mistake(self, numbers: Numbers, answer: bytes) -> str:
        """Return what is wrong with the response to `numbers`, or an empty string."""


class ListFormat(NamedTuple):
    """The JSON format of a server that doubles a list of numbers.

    Attributes:
        encode: returns the request document for a list of numbers.
        decode: returns the list of numbers in a response document.
    """

    encode: Callable[[Numbers], Any]
    decode: Callable[[Any], Any]

    def body(self, numbers: Numbers) -> bytes:
        """Return the request's body."""
        return json.dumps(self.encode(numbers)).encode()

    def mistake(self, numbers: Numbers, answer: bytes) -> str:
        """Return what is wrong with the response to `numbers`, or an empty string."""
        try:
            got = self.decode(json.loads(answer))
        except (ValueError, LookupError, TypeError) as error:
            return f"the response does not have the expected format ({error}): {answer[:200]!r}"
        if got != [2 * number for number in numbers]:
            return f"{len(numbers)} numbers were not doubled: {answer[:200]!r}"
        return ""


def _tensor(numbers: Numbers) -> dict[str, Any]:
    # One row, because servers that batch do so along the first dimension.
    data = list(numbers)
    return {"name": "numbers", "shape": [1, len(data)], "datatype": "INT64", "data": data}


PLAIN = ListFormat(list, lambda answer: answer)
# BentoML: a list of rows, named after the method's parameter.
ROWS = ListFormat(lambda numbers: {"numbers": [list(numbers)]}, lambda answer: answer[0])
# The Open Inference Protocol V2 of MLServer and Triton.
V2 = ListFormat(
    lambda numbers: {"inputs": [_tensor(numbers)]}, lambda answer: answer["outputs"][0]["data"]
)
