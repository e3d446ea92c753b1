"""What the wire format has to know of the model that a request is for."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

Batch = Literal["none", "rows", "elements"]


class Input(NamedTuple):
    """An input of the model.

    Attributes:
        name: the module's name for the argument.
        datatypes: what the input takes, the preferred one first; empty where nothing is known.
        shape: its dimensions, -1 for any size; None where nothing is known.
        optional: whether a request may leave it out.
        number: whether the module wants a number in place of a tensor.
        minimum: the smallest integer that the input takes; None for the datatype's own.
        maximum: the largest one.
        fraction: the datatype of JSON numbers with a fraction, where `datatypes` is empty.
    """

    name: str
    datatypes: tuple[str, ...] = ()
    shape: tuple[int, ...] | None = None
    optional: bool = False
    number: bool = False
    minimum: int | None = None
    maximum: int | None = None
    fraction: str = "FP64"


class Interface(Protocol):
    """A model as the wire format sees it."""

    @property
    def name(self) -> str:
        """The name that the model is registered under."""

    @property
    def version(self) -> str:
        """The version that answers."""

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The inputs in the module's order."""

    @property
    def any_name(self) -> bool:
        """Whether a request names its inputs as it likes: a list or dict of tensors."""

    @property
    def batch(self) -> Batch:
        """What the model's settings say of batches."""
