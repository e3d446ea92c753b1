"""What becomes of a click: the input is read, the API is asked, and this is there to show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from frontend.client import Answer
from frontend.errors import ApiError, State
from frontend.parsing import NotNumbersError, Numbers


class Predictor(Protocol):
    """The client, as far as it is needed here."""

    def predict(self, values: list[int] | list[float], version: str | None) -> Answer:
        """Return the model's answer, or raise ApiError."""

    def probe(self, version: str | None) -> Answer:
        """Return the answer to no numbers, or raise ApiError."""


@dataclass(frozen=True)
class Result:
    """Numbers and the model's answer to them; `version` is what was asked for, None the default."""

    numbers: Numbers
    answer: Answer
    version: str | None


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


_TITLES = {
    State.INVALID_INPUT: "The server does not take these numbers",
    State.LOADING: "The server does not answer yet",
    State.BUSY: "The server is busy",
    State.NOT_REACHABLE: "The server is not reachable",
    State.UNKNOWN_VERSION: "There is no such version",
    State.NOT_ALLOWED: "The server refuses this page",
}


def predict(
    read: Callable[[], Numbers], connect: Callable[[], Predictor], version: str | None
) -> Result | Failure:
    """Read the numbers and let the model answer; nothing is sent unless all are numbers."""
    try:
        numbers = read()
        return Result(numbers, connect().predict(numbers.values, version), version)
    except NotNumbersError as error:
        rest = (f"… and {error.more} more like these",) if error.more else ()
        return Failure("These are not all numbers; nothing was sent", (*error.problems, *rest))
    except ApiError as error:
        return Failure(_TITLES.get(error.state, "The server failed"), (str(error),))


def look(connect: Callable[[], Predictor], version: str | None) -> Status:
    """Ask whether the server can answer now."""
    try:
        return Status(State.READY, f"version {connect().probe(version).version}")
    except ApiError as error:
        return Status(error.state, str(error))
