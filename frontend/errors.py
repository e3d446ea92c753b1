"""Errors of the API, with messages for the user: what failed, where, and what helps."""

import json
import re
from enum import Enum

import numpy as np
from google.auth.exceptions import GoogleAuthError
from urllib3.exceptions import HTTPError, ReadTimeoutError

from frontend.settings import Settings


class State(Enum):
    """Whether the server can respond, and if not, why: the badge, and the headline of an error."""

    READY = "Ready", ""
    LOADING = "Loading", "The server does not respond yet"
    BUSY = "Busy", "The server is busy"
    NOT_REACHABLE = "Not reachable", "The server is not reachable"
    UNKNOWN_VERSION = "Unknown version", "There is no such version"
    NOT_ALLOWED = "Not allowed", "The server refuses this page"
    INVALID_INPUT = "Invalid input", "The server does not take this input"
    FAILED = "Failed", "The server failed"


class ApiError(Exception):
    """A call of the API failed; the message is for the user.

    Attributes:
        state: the server's state according to this error.
        title: a headline.
        sentences: the message.
    """

    def __init__(self, state: State, message: str) -> None:
        super().__init__(message)
        self.state, self.title, self.sentences = state, state.value[1], [message]


# The position in a message of the API: "... - at $.inputs[0].data[2]".
_PLACE = re.compile(r"(?P<what>.*) - at \$\.inputs\[0\]\.data\[(?P<index>\d+)\]", re.DOTALL)
_BUSY = (
    "The server cannot take this request now: its queue is full, or its worker is restarting. "
    "Try again in a moment."
)


def no_response(error: HTTPError | GoogleAuthError, settings: Settings) -> ApiError:
    """Return the error for a request that got no response, or that could not be sent."""
    if isinstance(error, GoogleAuthError):
        what = "The page has to identify itself (BACKEND_AUTH=id-token), but cannot get an ID token"
        return ApiError(State.NOT_ALLOWED, f"{what} on this machine: {error}")
    if isinstance(error, ReadTimeoutError):
        why = "it is loading the model or is overloaded. Try again in a moment."
        what = f"The server at {settings.url} did not respond in time: {why}"
        return ApiError(State.LOADING, what)
    what = f"No server responds at {settings.url}. Is it running? “make serve” starts one on this"
    return ApiError(State.NOT_REACHABLE, f"{what} machine; BACKEND_URL names another.")


def unknown_version(version: str) -> ApiError:
    """Return the error for a version that the server does not have."""
    return ApiError(State.UNKNOWN_VERSION, f"The server has no version “{version}” of the model.")


def not_the_api(url: str, what: str) -> ApiError:
    """Return the error for a response with status 200 that does not follow the protocol."""
    return ApiError(State.FAILED, f"The response from {url} is not the model API's: {what}")


def refused(
    status: int, body: bytes, values: np.ndarray | None, version: str | None, settings: Settings
) -> ApiError:
    """Return the error for a status other than 200; `values` is the list that was sent, if any."""
    message = _message(body)
    if status == 404 and version is not None:  # noqa: PLR2004
        return unknown_version(version)
    who = "It requires an ID token: set BACKEND_AUTH=id-token."
    if settings.id_token:
        who = "This page's service account has no permission to invoke it."
    who = f"The server at {settings.url} refuses this page. {who}"
    size = "" if values is None else f", {len(values):,} numbers,"
    large = f"The request{size} is larger than the server accepts. Send fewer at a time."
    failed = f"The server failed to process this request: {message} (status {status})"
    known = {
        400: (State.INVALID_INPUT, _with_place(message, values)),
        401: (State.NOT_ALLOWED, who),
        403: (State.NOT_ALLOWED, who),
        404: (State.FAILED, f"The server at {settings.url} has no model “{settings.model}”."),
        413: (State.INVALID_INPUT, large),
        415: (State.INVALID_INPUT, message),
        429: (State.BUSY, _BUSY),
        503: (State.BUSY, _BUSY),
    }
    return ApiError(*known.get(status, (State.FAILED, failed)))


def _message(body: bytes) -> str:
    """Return the message of an error in TorchServe's format, or else the start of the body."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, LookupError, TypeError):
        return body[:200].decode(errors="replace").strip() or "no message"


def _with_place(message: str, values: np.ndarray | None) -> str:
    """Return the message with the position and the number in place of a JSON path."""
    match = _PLACE.fullmatch(message)
    if match is None or values is None or int(match["index"]) >= len(values):
        return message
    index = int(match["index"])
    number = str(values[index].item())
    about = "" if number in match["what"] else f" ({number})"
    return f"Number {index + 1}{about}: {match['what']}"
