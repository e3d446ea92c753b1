"""Handle a click: read the input, call the API, and return a result or failure to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import orjson

from frontend.client import Response
from frontend.errors import ApiError, State
from frontend.model import Model
from frontend.reading import NotNumbersError, Numbers, TooMuchError


class Predictor(Protocol):
    """The part of the client that this module uses."""

    def predict(self, values: np.ndarray, version: str | None, model: Model | None) -> Response:
        """Return the model's response, or raise ApiError."""

    def probe(self, version: str | None, model: Model | None) -> Response:
        """Return the response to a prediction without numbers, or raise ApiError."""

    def infer(self, request: bytes, version: str | None) -> Response:
        """Return the response to a V2 request, or raise ApiError."""

    def metadata(self, version: str | None) -> Model | None:
        """Return the model's metadata, or raise ApiError."""


@dataclass(frozen=True, eq=False)
class Result:
    """A successful prediction.

    Attributes:
        response: the model's response.
        version: the version in the request; None is the default.
        numbers: the numbers that were sent; None if it was another request.
        request: the request that was sent, if it was not a list of numbers.
    """

    response: Response
    version: str | None
    numbers: Numbers | None = None
    request: bytes = b""


@dataclass(frozen=True)
class Failure:
    """The reasons why there is no result: a headline, and a sentence for each problem."""

    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Status:
    """The server's state; `detail` is a version or a sentence."""

    state: State
    detail: str


@dataclass(frozen=True)
class Described:
    """The model's metadata, if known; `responded` is false if the server did not send it now."""

    model: Model | None
    responded: bool


# The detail of a server whose version is not known.
RESPONDS = "the model responds"
_TITLES = {
    State.INVALID_INPUT: "The server does not take this input",
    State.LOADING: "The server does not respond yet",
    State.BUSY: "The server is busy",
    State.NOT_REACHABLE: "The server is not reachable",
    State.UNKNOWN_VERSION: "There is no such version",
    State.NOT_ALLOWED: "The server refuses this page",
}


def predict(
    read: Callable[[], Numbers],
    connect: Callable[[], Predictor],
    version: str | None,
    model: Model | None = None,
) -> Result | Failure:
    """Read the numbers and send them to the model, unless any of them is not a number."""
    try:
        numbers = read()
    except NotNumbersError as error:
        rest = (f"… and {error.more:,} more like these",) if error.more else ()
        return Failure("These are not all numbers; nothing was sent", (*error.problems, *rest))
    except TooMuchError as error:
        return Failure("This is more than the page takes; nothing was sent", (str(error),))
    return _outcome(
        lambda: Result(connect().predict(numbers.values, version, model), version, numbers)
    )


def infer(
    request: bytes, connect: Callable[[], Predictor], version: str | None
) -> Result | Failure:
    """Send a JSON request of any format to the model, unless it is not JSON."""
    try:
        orjson.loads(request)
    except orjson.JSONDecodeError as error:
        place = f"Line {error.lineno}, column {error.colno}"
        return Failure("This is not JSON; nothing was sent", (f"{place}: {error.msg}",))
    return _outcome(lambda: Result(connect().infer(request, version), version, request=request))


def _outcome(send: Callable[[], Result]) -> Result | Failure:
    try:
        return send()
    except ApiError as error:
        return Failure(_TITLES.get(error.state, "The server failed"), (str(error),))


def look(connect: Callable[[], Predictor], version: str | None, model: Model | None) -> Status:
    """Return whether the server can respond now."""
    try:
        if model is None or model.takes_numbers:
            return Status(State.READY, f"version {connect().probe(version, model).version}")
        found = connect().metadata(version) or model
        return Status(State.READY, f"version {found.version}")
    except ApiError as error:
        if error.state is State.INVALID_INPUT:
            # The model does not take a list of numbers, but it responded.
            return Status(State.READY, RESPONDS)
        return Status(error.state, str(error))
