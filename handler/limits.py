"""Limits for a single request, so that no valid body can exhaust a worker's memory.

The supervisor sets them from the available memory; without these variables there are no limits.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from wire import budget
from wire.errors import beyond_memory

# Maximum bytes of memory per byte of a body, from parsing to the response, measured with DoubleIt.
# Each is the peak of a process with a body of 8 MiB in the worst case of its format, rounded up.
# A model whose output is larger than its input needs more.
# 4.4 measured: the tensor, the model's output and the bytes of the response.
BINARY = 6
# 6 to 11 measured: also the text, and the numbers in the datatype in which they are read.
JSON = 12


class Limits(NamedTuple):
    """Limits in bytes; None for no limit.

    Attributes:
        response: the largest response body that TorchServe accepts from a worker.
        memory: the most memory that one request may take, from parsing to the response.
    """

    response: int | None = None
    memory: int | None = None

    @classmethod
    def from_environment(cls) -> Limits:
        """Return the limits from the environment variables that the supervisor sets."""
        return cls(_number("MAX_RESPONSE_BYTES"), _number("REQUEST_MEMORY_BYTES"))

    def apply(self) -> None:
        """Make the wire format refuse what only shows while a request is parsed or answered."""
        budget.objects, budget.response = self.memory, self.response

    def check_request(self, body: bytes | bytearray, json_size: int | None = None) -> None:
        """Refuse a body that may take more memory than a request is allowed to.

        Args:
            body: the body as the client sent it.
            json_size: how many of its bytes are JSON, if binary tensors follow.

        Raises:
            RequestError: status 413.
        """
        if self.memory is None:
            return
        size = len(body)
        json_size = size if json_size is None else json_size
        cost = (size - json_size) * BINARY + json_size * JSON
        if cost > self.memory:
            raise beyond_memory(
                f"A body of {size} bytes may take {cost} bytes of memory, and a request has "
                f"{self.memory}"
            )

    def check_response(self, body: bytes | bytearray) -> None:
        """Refuse a response that is too large for TorchServe to accept from a worker.

        Raises:
            RequestError: status 413.
        """
        if self.response is not None and len(body) > self.response:
            raise beyond_memory(f"The response has {len(body)} bytes, more than {self.response}")


def _number(variable: str) -> int | None:
    value = os.environ.get(variable)
    return int(value) if value else None
