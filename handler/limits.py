"""What one request may take, so that no valid body ends a worker.

The server sets the limits from the memory at hand; without it there are none.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from wire.errors import too_large

# Bytes of memory that a byte of a body takes at most while its request is read, run by DoubleIt and
# answered. Each is the peak of a process with 4 MiB of the form at its worst, rounded up; a model
# that answers with more than it gets takes more.
# 4.4 measured: the tensor, the model's answer, and the answer's bytes.
BINARY = 6
# 9 to 17 measured for a list of numbers, 38 for nested lists where a flat one is expected.
JSON = 40
# 57 measured: V1 with a list for each number, of integers and floats in turn.
OBJECTS = 60


class Limits(NamedTuple):
    """Bytes; None for no limit.

    Attributes:
        response: of an answer, which is what TorchServe takes from a worker.
        memory: that reading, running and answering one request may take.
    """

    response: int | None = None
    memory: int | None = None

    @classmethod
    def from_environment(cls) -> Limits:
        """Return the limits that the server has set."""
        return cls(_number("MAX_RESPONSE_BYTES"), _number("REQUEST_MEMORY_BYTES"))

    def check_request(self, body: bytes | bytearray, json_size: int | None = None) -> None:
        """Refuse a body that takes more memory than there is.

        Args:
            body: as it came from the client.
            json_size: how many of its bytes are JSON, where binary tensors follow.

        Raises:
            RequestError: status 413.
        """
        size = len(body)
        if self.memory is None or size * OBJECTS <= self.memory:
            return
        objects = not body[:100].lstrip().startswith(b"[")
        json_size = size if json_size is None else json_size
        cost = (size - json_size) * BINARY + json_size * (OBJECTS if objects else JSON)
        if cost > self.memory:
            raise too_large(
                f"A body of {size} bytes may take {cost} bytes of memory, and a request has "
                f"{self.memory} here"
            )

    def check_response(self, body: bytes) -> None:
        """Refuse an answer that TorchServe does not take from a worker.

        Raises:
            RequestError: status 413.
        """
        if self.response is not None and len(body) > self.response:
            raise too_large(f"The answer has {len(body)} bytes, more than {self.response}")


def _number(variable: str) -> int | None:
    value = os.environ.get(variable)
    return int(value) if value else None
