"""What every form of a request gives the handler, and what the handler gives it to answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from wire.datatypes import Tensor
from wire.interface import Interface

# The inputs of one call of the model, by name; what an optional input lacks is left out.
Call = Mapping[str, Tensor]
# The outputs of one call, by name, in order.
Outputs = Mapping[str, Tensor]

JSON = "application/json"
OCTETS = "application/octet-stream"


class Body(msgspec.Struct, frozen=True, gc=False):
    """An answer's body.

    Attributes:
        data: its bytes.
        json_size: how many of them are JSON, where binary tensors follow; None for JSON alone.
    """

    data: bytes
    json_size: int | None = None


class Request(Protocol):
    """A request as the model sees it: calls, and how to answer with what they return."""

    @property
    def calls(self) -> Sequence[Call]:
        """The calls of the model."""

    def render(self, results: Sequence[Outputs], model: Interface) -> Body:
        """Return the answer's body for the outputs of each of `calls`.

        Raises:
            RequestError: an output that the request's form cannot carry.
        """
