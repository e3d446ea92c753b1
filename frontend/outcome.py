"""What becomes of a click: the input is read, the API is asked, and this is there to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import orjson

from frontend.client import Answer
from frontend.errors import ApiError, State
from frontend.model import Model
from frontend.reading import NotNumbersError, Numbers, TooMuchError


class Predictor(Protocol):
    """The client, as far as it is needed here."""

    def predict(self, values: np.ndarray, version: str | None, model: Model | None) -> Answer:
        """Return the model's answer, or raise ApiError."""

    def probe(self, version: str | None, model: Model | None) -> Answer:
        """Return the answer to no numbers, or raise ApiError."""

    def infer(self, request: bytes, version: str | None) -> Answer:
        """Return the answer to a request, or raise ApiError."""

    def metadata(self, version: str | None) -> Model | None:
        """Return what the model takes and gives, or raise ApiError."""


@dataclass(frozen=True, eq=False)
class Result:
    """The model's answer.

    Attributes:
        answer: what the model answered.
        version: what was asked for; None is the default.
        numbers: what was sent; None where it was not a list of numbers.
        request: what was sent, where it was not a list of numbers.
    """

    answer: Answer
    version: str | None
    numbers: Numbers | None = None
    request: bytes = b""


@dataclass(frozen=True)
class Failure:
    """Why there is no result: a headline, and a sentence for each thing in the way."""

    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Status:
    """What the server said to a look at its state; `detail` is a version or a sentence."""

    state: State
    detail: str


@dataclass(frozen=True)
class Described:
    """What the server says of its model; `answered` is false where it cannot be asked."""

    model: Model | None
    answered: bool


_TITLES = {
    State.INVALID_INPUT: "The server does not take this input",
    State.LOADING: "The server does not answer yet",
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
    """Read the numbers and let the model answer; nothing is sent unless all are numbers."""
    try:
        numbers = read()
    except NotNumbersError as error:
        rest = (f"… and {error.more:,} more like these",) if error.more else ()
        return Failure("These are not all numbers; nothing was sent", (*error.problems, *rest))
    except TooMuchError as error:
        return Failure("This is more than the page takes; nothing was sent", (str(error),))
    return _answered(
        lambda: Result(connect().predict(numbers.values, version, model), version, numbers)
    )


def infer(
    request: bytes, connect: Callable[[], Predictor], version: str | None
) -> Result | Failure:
    """Let the model answer a request of the V2 protocol; nothing is sent unless it is JSON."""
    try:
        orjson.loads(request)
    except orjson.JSONDecodeError as error:
        place = f"Line {error.lineno}, column {error.colno}"
        return Failure("This is not JSON; nothing was sent", (f"{place}: {error.msg}",))
    return _answered(lambda: Result(connect().infer(request, version), version, request=request))


def _answered(ask: Callable[[], Result]) -> Result | Failure:
    try:
        return ask()
    except ApiError as error:
        return Failure(_TITLES.get(error.state, "The server failed"), (str(error),))


def describe(connect: Callable[[], Predictor], version: str | None) -> Described:
    """Ask what the model takes and gives."""
    try:
        return Described(connect().metadata(version), answered=True)
    except ApiError:
        return Described(None, answered=False)


def look(connect: Callable[[], Predictor], version: str | None, model: Model | None) -> Status:
    """Ask whether the server can answer now."""
    try:
        if model is None or model.takes_numbers:
            return Status(State.READY, f"version {connect().probe(version, model).version}")
        found = connect().metadata(version) or model
        return Status(State.READY, f"version {found.version}")
    except ApiError as error:
        if error.state is State.INVALID_INPUT:
            # A model that takes no list of numbers answers nevertheless.
            return Status(State.READY, "the model answers")
        return Status(error.state, str(error))
