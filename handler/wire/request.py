"""The interface between the handler and a parsed request of any format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from wire.datatypes import Tensor
from wire.interface import Interface

# The inputs of one call of the model, by name, without missing optional inputs.
Call = dict[str, Tensor]
# The outputs of one call, by name, in order.
Outputs = Mapping[str, Tensor]

JSON = "application/json"
OCTETS = "application/octet-stream"


class Body(msgspec.Struct, frozen=True, gc=False):
    """The body of a response.

    Attributes:
        data: the bytes of the body.
        json_size: how many of them are JSON, if binary tensors follow; None if all are.
        content_type: their type, unless binary tensors follow.
    """

    data: bytes | bytearray
    json_size: int | None = None
    content_type: str = JSON


class Request(Protocol):
    """A parsed request: its calls of the model, and the method that renders their results."""

    @property
    def calls(self) -> Sequence[Call]:
        """The calls of the model. `render` does not need their inputs, which may be removed."""

    def render(self, results: Sequence[Outputs], model: Interface) -> Body:
        """Return the response body for the outputs of each of `calls`.

        Raises:
            RequestError: the format of the request cannot represent an output.
        """
