"""JSON paths: where in a request something is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, SupportsInt

import numpy as np

from wire.datatypes import Place


class Path(NamedTuple):
    """The place of an array in a document.

    Attributes:
        prefix: the array's own path, such as `$.inputs[0].data`.
        member: of an array that was put together from members of objects in a list, their key.
    """

    prefix: str = "$"
    member: str | None = None

    def at(self, indices: Iterable[SupportsInt]) -> str:
        """Return the path of what stands at `indices`, one for each list."""
        parts = [f"[{int(i)}]" for i in indices]
        if self.member is not None and parts:
            parts[0] += f".{self.member}"
        return self.prefix + "".join(parts)

    def flat(self, shape: Sequence[int]) -> Place:
        """Return the place of a number by its index in the flattened array."""
        if len(shape) == 1:
            return lambda index: self.at((index,))
        return lambda index: self.at(np.unravel_index(index, tuple(shape)) if shape else ())
