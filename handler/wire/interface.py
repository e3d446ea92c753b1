"""What the wire format needs of a model, and what the handler gets of a request of any format."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

import msgspec

from wire.datatypes import Tensor

# How requests may share a call of the model (`settings.ModelSettings.batch`).
Batching = Literal["none", "rows", "elements"]


class Input(NamedTuple):
    """An input of the model.

    Attributes:
        name: the module's name for the argument.
        datatypes: the accepted datatypes, the preferred one first; empty if unknown.
        shape: its dimensions, -1 for any size; None if unknown.
        optional: whether a request may leave it out.
        number: whether the module takes a number instead of a tensor.
        minimum: the smallest accepted integer; None for that of the datatype.
        maximum: the largest accepted integer; None for that of the datatype.
        fraction: the datatype of JSON numbers with a fraction, used if `datatypes` is empty.
        sizes: the smallest and largest size of each dimension, None for no limit; empty if
            unknown.
    """

    name: str
    datatypes: tuple[str, ...] = ()
    shape: tuple[int, ...] | None = None
    optional: bool = False
    number: bool = False
    minimum: int | None = None
    maximum: int | None = None
    fraction: str = "FP64"
    sizes: tuple[tuple[int, int | None], ...] = ()


class Interface(NamedTuple):
    """A model as the wire format sees it.

    Attributes:
        inputs: in the module's order.
        batch: the setting `batch`, or what follows from the file.
        any_name: whether a request may choose the names of its inputs: a list or dict of tensors.
        name: the name that the model is registered under.
        version: its version.
        several: whether the model may return several outputs, of which a call may lack some.
    """

    inputs: tuple[Input, ...]
    batch: Batching = "none"
    any_name: bool = False
    name: str = ""
    version: str = ""
    several: bool = False


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
