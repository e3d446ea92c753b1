"""The inference API's client: a list of numbers to the model's answer, or an error in words.

Requests have the form of the Open Inference Protocol V2, because its answer names the version
that answered, and its datatype says whether the numbers are exact integers.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import urllib3
from google.auth.exceptions import GoogleAuthError

from frontend import errors, transport
from frontend.errors import ApiError
from frontend.settings import MODEL, Settings

# TorchServe takes a slash, however it is written, for the end of the version.
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]*")


@dataclass(frozen=True)
class Answer:
    """What the model answered.

    Attributes:
        values: one number for each that was sent, all int or all float.
        version: the model's version that answered.
        seconds: how long the call took, tries and waits included.
    """

    values: list[int] | list[float]
    version: str
    seconds: float


def predictions_url(settings: Settings, version: str | None) -> str:
    """Return the address of a version's predictions; None is the server's default version."""
    url = f"{settings.url}/predictions/{MODEL}"
    return url if version is None else f"{url}/{quote(version, safe='')}"


class Client:
    """Talks to the inference API and to nothing else; may be shared by threads."""

    def __init__(self, settings: Settings) -> None:
        """Connect lazily: nothing is sent yet but for an identity, where one is needed.

        Raises:
            ApiError: an ID token is asked for and this machine has no identity.
        """
        self._settings = settings
        try:
            self._http = transport.connect(settings)
        except GoogleAuthError as error:
            raise errors.no_identity(error) from error

    def predict(self, values: Sequence[float], version: str | None = None) -> Answer:
        """Let the model answer.

        Args:
            values: all int, sent as INT64, or all float, sent as FP64.
            version: the model's version; None is the server's default.

        Raises:
            ApiError: the API refuses the numbers, or cannot be had.
        """
        return self._call(values, version, transport.CALL_RETRY, transport.CALL_TIMEOUT)

    def probe(self, version: str | None = None) -> Answer:
        """Let the model answer no numbers: one try, and only a short wait.

        This goes the way of a prediction, through the queue and the worker. The server's own
        readiness route would not do: it wants a version, and a full queue does not show there.

        Raises:
            ApiError: as `predict`.
        """
        return self._call([], version, transport.NO_RETRY, transport.STATE_TIMEOUT)

    def _call(
        self,
        values: Sequence[float],
        version: str | None,
        retries: transport.Retry,
        timeout: urllib3.Timeout,
    ) -> Answer:
        if version is not None and not _VERSION.fullmatch(version):
            raise errors.unknown_version(version)
        url = predictions_url(self._settings, version)
        begin = time.perf_counter()
        try:
            response = self._http.request(
                "POST",
                url,
                _request(values),
                headers={"Content-Type": "application/json"},
                retries=retries,
                timeout=timeout,
            )
        except (urllib3.exceptions.HTTPError, GoogleAuthError) as error:
            raise errors.not_answered(error, self._settings) from error
        seconds = time.perf_counter() - begin
        if response.status != 200:  # noqa: PLR2004 (the only status with an answer)
            raise errors.refused(response.status, response.data, values, version, self._settings)
        try:
            numbers, answered_by = _answer(response.data, len(values))
        except (ValueError, LookupError, TypeError) as error:
            raise ApiError(
                errors.State.FAILED, f"What answers at {url} is not the model's API: {error}"
            ) from error
        return Answer(numbers, answered_by, seconds)


def _request(values: Sequence[float]) -> bytes:
    datatype = "FP64" if values and isinstance(values[0], float) else "INT64"
    tensor = {"name": "input", "shape": [len(values)], "datatype": datatype, "data": values}
    return json.dumps({"inputs": [tensor]}, separators=(",", ":")).encode()


def _answer(body: bytes, expected: int) -> tuple[list[int] | list[float], str]:
    """Return the numbers and the version; raise what Python raises where they are not there."""
    found: Any = json.loads(body)
    version, values = found["model_version"], found["outputs"][0]["data"]
    if not isinstance(version, str):
        raise TypeError("the version is not a text")
    if not set(map(type, values)) <= {int, float}:
        raise TypeError("the output is not a list of numbers")
    if len(values) != expected:
        raise ValueError(f"{len(values)} numbers for {expected}")
    return values, version
