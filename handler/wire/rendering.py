"""Helpers that several formats use to write a response."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import orjson

from wire.arrays import NotFiniteError
from wire.datatypes import Place, Tensor
from wire.errors import invalid, model_failed
from wire.interface import Interface


class finite:  # noqa: N801 (a context manager, as contextlib's)
    """Turns NaN or infinity in a JSON response into the right error: 400 or 500."""

    def __init__(self, place: Place, model: Interface) -> None:
        """Take the function that returns the path of the number at an index of the output."""
        self._place = place
        self._model = model

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Raise RequestError in place of NotFiniteError."""
        if isinstance(error, NotFiniteError):
            if self._model.batch == "elements":
                # The number at the same index of the request caused it.
                raise invalid(str(error), self._place(error.index)) from None
            raise model_failed(f"{error} - at {self._place(error.index)}") from None


def in_shape(output: Tensor, shape: Sequence[int]) -> Tensor:
    """Return an output in the request's shape, or unchanged if its number of elements differs."""
    if output.array.shape == tuple(shape) or math.prod(shape) != output.array.size:
        return output
    return Tensor(output.array.reshape(tuple(shape)), output.datatype)


def as_object(names: Iterable[str], texts: Iterable[bytes]) -> bytes:
    """Return a JSON object from names and the JSON texts of their values."""
    pairs = zip(names, texts, strict=True)
    return b"{%b}" % b",".join(b"%b:%b" % (orjson.dumps(name), text) for name, text in pairs)
