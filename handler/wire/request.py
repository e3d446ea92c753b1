"""What every form of a request gives the handler, and what the handler gives it to answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from wire.arrays import Array


class ModelId(Protocol):
    """What an answer says of the model that gave it."""

    @property
    def name(self) -> str:
        """The name that the model is registered under."""

    @property
    def version(self) -> str:
        """The version that answered."""


class Request(Protocol):
    """A request as the model sees it: arrays that belong together, and how to answer."""

    @property
    def arrays(self) -> Sequence[Array]:
        """1-D arrays of int64 or float64, each an input of its own."""

    def render(self, outputs: Sequence[Array], model: ModelId) -> bytes:
        """Return the answer for `outputs`, one 1-D array for each of `arrays`.

        Raises:
            RequestError: an output that the request's form cannot carry.
        """
