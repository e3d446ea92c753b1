"""Errors of the API, with messages for the user: what failed, where, and what helps."""

from __future__ import annotations

import json
import re
from enum import Enum
from typing import Any

import numpy as np
from google.auth.exceptions import GoogleAuthError
from urllib3.exceptions import HTTPError, ReadTimeoutError

from frontend.settings import Settings


class State(Enum):
    """Whether the server can respond, and if not, why."""

    READY = "Ready"
    LOADING = "Loading"
    BUSY = "Busy"
    NOT_REACHABLE = "Not reachable"
    UNKNOWN_VERSION = "Unknown version"
    NOT_ALLOWED = "Not allowed"
    INVALID_INPUT = "Invalid input"
    FAILED = "Failed"


class ApiError(Exception):
    """A call of the API failed; the message is for the user.

    Attributes:
        state: the server's state according to this error.
    """

    def __init__(self, state: State, message: str) -> None:
        """Set the state and the message."""
        super().__init__(message)
        self.state = state


# The position in a message of the API: "... - at $.inputs[0].data[2]".
_PLACE = re.compile(r"(?P<what>.*) - at \$\.inputs\[0\]\.data\[(?P<index>\d+)\]", re.DOTALL)


def no_identity(error: GoogleAuthError) -> ApiError:
    """Return the error for a machine that cannot get an ID token."""
    return ApiError(
        State.NOT_ALLOWED,
        "The page has to identify itself (BACKEND_AUTH=id-token), but cannot get an ID token on "
        f"this machine: {error}",
    )


def no_response(error: HTTPError | GoogleAuthError, settings: Settings) -> ApiError:
    """Return the error for a request that got no response."""
    if isinstance(error, GoogleAuthError):
        return no_identity(error)
    if isinstance(error, ReadTimeoutError):
        return ApiError(
            State.LOADING,
            f"The server at {settings.url} did not respond in time: it is loading the model or "
            "is overloaded. Try again in a moment.",
        )
    return ApiError(
        State.NOT_REACHABLE,
        f"No server responds at {settings.url}. Is it running? “make serve” starts one on this "
        "machine; BACKEND_URL names another.",
    )


def unknown_version(version: str) -> ApiError:
    """Return the error for a version that the server does not have."""
    return ApiError(State.UNKNOWN_VERSION, f"The server has no version “{version}” of the model.")


def not_the_api(url: str, what: str) -> ApiError:
    """Return the error for a response with status 200 that does not follow the protocol."""
    return ApiError(State.FAILED, f"The response from {url} is not the model API's: {what}")


def response_too_large(limit: int) -> ApiError:
    """Return the error for a response of more than `limit` bytes."""
    return ApiError(
        State.FAILED,
        f"The response is larger than {limit // 2**20} MiB, the most that the page can show.",
    )


def refused(
    status: int,
    body: bytes,
    values: np.ndarray | None,
    version: str | None,
    settings: Settings,
) -> ApiError:
    """Return the error for a response with a status other than 200.

    Args:
        status: the status of the response.
        body: the body of the response.
        values: the list of numbers that was sent; None for other requests.
        version: the version in the request; None is the default.
        settings: the page's settings.
    """
    message = _message(body)
    if status == 400:  # noqa: PLR2004
        return ApiError(State.INVALID_INPUT, _with_place(message, values))
    if status == 404 and version is not None:  # noqa: PLR2004
        return unknown_version(version)
    fixed = {
        401: _not_allowed(settings),
        403: _not_allowed(settings),
        404: (State.FAILED, f"The server at {settings.url} has no model “{settings.model}”."),
        413: (
            State.INVALID_INPUT,
            f"The request of {_size(values)} is larger than the server accepts. Send fewer "
            "numbers.",
        ),
        429: _BUSY,
        503: _BUSY,
    }
    state, text = fixed.get(
        status,
        (State.FAILED, f"The server failed to process this request: {message} (status {status})"),
    )
    return ApiError(state, text)


_BUSY = (
    State.BUSY,
    "The server cannot take this request now: its queue is full, or its worker is restarting. "
    "Try again in a moment.",
)


def _not_allowed(settings: Settings) -> tuple[State, str]:
    if settings.id_token:
        who = "This page's service account has no permission to invoke it."
    else:
        who = "It requires an ID token: set BACKEND_AUTH=id-token."
    return State.NOT_ALLOWED, f"The server at {settings.url} refuses this page. {who}"


def _size(values: np.ndarray | None) -> str:
    return "this size" if values is None else f"{len(values):,} numbers"


def _message(body: bytes) -> str:
    """Return the message of an error in TorchServe's format, or else the start of the body."""
    try:
        found: Any = json.loads(body)
        return str(found["message"])
    except (ValueError, LookupError, TypeError):
        return body[:200].decode(errors="replace").strip() or "no message"


def _with_place(message: str, values: np.ndarray | None) -> str:
    """Return the message with the position and the number in place of a JSON path."""
    match = _PLACE.fullmatch(message)
    if match is None or values is None or int(match["index"]) >= len(values):
        return message
    index = int(match["index"])
    what = match["what"]
    number = str(values[index].item())
    about = "" if number in what else f" ({number})"
    return f"Number {index + 1}{about}: {what}"
