"""JSON paths, which error messages use to point into a request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, SupportsInt

import numpy as np

from wire.datatypes import Place


class Path(NamedTuple):
    """The path of an array in a document.

    Attributes:
        prefix: the path of the array itself, such as `$.inputs[0].data`.
        member: the key, if the array consists of one member of each object in a list.
    """

    prefix: str = "$"
    member: str | None = None

    def at(self, indices: Iterable[SupportsInt]) -> str:
        """Return the path of the element at `indices`, one index per list."""
        parts = [f"[{int(i)}]" for i in indices]
        if self.member is not None and parts:
            parts[0] += f".{self.member}"
        return self.prefix + "".join(parts)

    def flat(self, shape: Sequence[int]) -> Place:
        """Return the function for the path of a number by its index in the flattened array."""
        if len(shape) == 1:
            return lambda index: self.at((index,))
        return lambda index: self.at(np.unravel_index(index, tuple(shape)) if shape else ())
