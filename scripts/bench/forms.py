"""The body that each kind of server takes, and where its answer holds the numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

Numbers = Sequence[int]


class Form(Protocol):
    """How a question travels, and whether an answer is right."""

    def body(self, numbers: Numbers) -> bytes:
        """Return the request's body."""

    def mistake(self, numbers: Numbers, answer: bytes) -> str:
        """Say what is wrong with the answer to `numbers`; empty where it is right."""


class ListForm(NamedTuple):
    """How a list of numbers travels to a server that doubles it.

    Attributes:
        encode: the JSON document for a list of numbers.
        decode: the list of numbers in the answer's JSON document.
    """

    encode: Callable[[Numbers], Any]
    decode: Callable[[Any], Any]

    def body(self, numbers: Numbers) -> bytes:
        """Return the request's body."""
        return json.dumps(self.encode(numbers)).encode()

    def mistake(self, numbers: Numbers, answer: bytes) -> str:
        """Say what is wrong with the answer to `numbers`; empty where it is right."""
        try:
            got = self.decode(json.loads(answer))
        except (ValueError, LookupError, TypeError) as error:
            return f"the answer is not of the form that it promises ({error}): {answer[:200]!r}"
        if got != [2 * number for number in numbers]:
            return f"{len(numbers)} numbers were not doubled: {answer[:200]!r}"
        return ""


def _tensor(numbers: Numbers) -> dict[str, Any]:
    # One row, because servers that batch by themselves do it along the first dimension.
    data = list(numbers)
    return {"name": "numbers", "shape": [1, len(data)], "datatype": "INT64", "data": data}


PLAIN = ListForm(list, lambda answer: answer)
# BentoML's batches: a list of rows, named after the method's parameter.
ROWS = ListForm(lambda numbers: {"numbers": [list(numbers)]}, lambda answer: answer[0])
# The Open Inference Protocol V2, which MLServer and Triton speak.
V2 = ListForm(
    lambda numbers: {"inputs": [_tensor(numbers)]}, lambda answer: answer["outputs"][0]["data"]
)
