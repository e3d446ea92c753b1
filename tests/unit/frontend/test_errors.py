"""The error messages for responses of the API, obtained through the client as on the page."""

from __future__ import annotations

import numpy as np
import pytest

from frontend import errors
from frontend.errors import ApiError, State
from frontend.settings import Settings
from tests.frontend.api import error

SETTINGS = Settings("http://api.example")


def refused(
    status: int,
    message: str,
    values: list[int] | list[float] | None = None,
    version: str | None = None,
    settings: Settings = SETTINGS,
) -> ApiError:
    body = error(status, message)[1]
    assert isinstance(body, bytes)
    return errors.refused(status, body, np.array(values or [1]), version, settings)


@pytest.mark.parametrize(
    ("message", "values", "expected"),
    [
        (
            "5 is outside the integers - at $.inputs[0].data[1]",
            [1, 5],
            "Number 2: 5 is outside the integers",
        ),
        (
            "The model's answer is inf, which JSON cannot carry - at $.inputs[0].data[0]",
            [1e308],
            "Number 1 (1e+308): The model's answer is inf, which JSON cannot carry",
        ),
        ("Too short - at $.inputs[0].shape", [1], "Too short - at $.inputs[0].shape"),
        ("Odd - at $.inputs[0].data[7]", [1], "Odd - at $.inputs[0].data[7]"),
    ],
)
def test_places_are_counted_from_one(
    message: str, values: list[int] | list[float], expected: str
) -> None:
    found = refused(400, message, values)
    assert (found.state, str(found)) == (State.INVALID_INPUT, expected)


@pytest.mark.parametrize(
    ("status", "version", "state", "words"),
    [
        (404, "9.9", State.UNKNOWN_VERSION, "no version “9.9”"),
        (404, None, State.FAILED, "no model “doubleit”"),
        (413, None, State.INVALID_INPUT, "Send fewer"),
        (401, None, State.NOT_ALLOWED, "BACKEND_AUTH=id-token"),
        (403, None, State.NOT_ALLOWED, "BACKEND_AUTH=id-token"),
        (429, None, State.BUSY, "Try again"),
        (503, None, State.BUSY, "Try again"),
        (500, None, State.FAILED, "the server's words"),
    ],
)
def test_a_status_becomes_a_sentence(
    status: int, version: str | None, state: State, words: str
) -> None:
    found = refused(status, "the server's words", version=version)
    assert found.state is state
    assert words in str(found)


def test_a_refused_identity_lacks_the_permission() -> None:
    settings = Settings("https://api.example", id_token=True)
    assert "permission to invoke" in str(refused(403, "", settings=settings))


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"plain words", "plain words"), (b"", "no message"), (b"\xff", "\ufffd")],
)
def test_an_error_in_another_format_is_shown_too(body: bytes, words: str) -> None:
    assert words in str(errors.refused(500, body, None, None, SETTINGS))
