"""What a running server says of itself. Standard library only, so that a start is quick."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any, Protocol


class Target(Protocol):
    """A model on a server."""

    @property
    def model(self) -> str:
        """The model's name."""

    @property
    def inference(self) -> str:
        """The inference API's address."""

    @property
    def management(self) -> str:
        """The management API's address."""


def get(url: str, timeout: float) -> tuple[int, bytes]:
    """Return status and body of a GET; status 0 without an answer in `timeout` seconds."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:  # noqa: S310 (own addresses)
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except (OSError, http.client.HTTPException):
        return 0, b""


def ready(target: Target, version: str, timeout: float = 1.0) -> bool:
    """Say whether `version` really answers: its worker has loaded the model.

    TorchServe's own /ping is 200 long before that, and without any model.
    """
    url = f"{target.inference}/predictions/{target.model}/{version}/ready"
    return get(url, timeout)[0] == HTTPStatus.OK


class Unregistered(Exception):  # noqa: N818 (an answer, not an error)
    """The management API answers, and does not know the model."""


def describe(target: Target) -> list[dict[str, Any]]:
    """Return what the management API says of each version; empty where it does not answer.

    Raises:
        Unregistered: it does not know the model.
    """
    status, body = get(f"{target.management}/models/{target.model}/all", timeout=1.0)
    if status == HTTPStatus.NOT_FOUND:
        raise Unregistered
    return json.loads(body) if status == HTTPStatus.OK else []
