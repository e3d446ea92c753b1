"""Turns what TorchServe passes for a request into a parsed request or a response."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Protocol

import orjson

import forms
from answers import Answer, failure
from headers import JSON_SIZE, Headers
from hooks import Hooks
from limits import Limits
from wire import parse
from wire.errors import RequestError, shorten, too_large
from wire.interface import Interface
from wire.request import Request

logger = logging.getLogger(__name__)

Fields = Mapping[str, Any]


class Served(Interface, Protocol):
    """A model that can be asked for its description."""

    def describe_handle(self) -> dict[str, object]:
        """Return the description of the model in the format of V2's model metadata."""


class Reader:
    """Reads the requests for a model."""

    def __init__(self, model: Served, limits: Limits, hooks: Hooks | None) -> None:
        """Read requests for `model` within `limits`; `hooks` is the archive's own code, if any."""
        self._model = model
        self._limits = limits
        self._hooks = hooks

    def read(self, fields: Fields, headers: Headers) -> Request | Answer:
        """Return the parsed request, or the response if the model does not have to be called."""
        try:
            if headers.plain and len(fields) == 1 and "body" in fields and self._hooks is None:
                body = fields["body"]
                self._limits.check_request(body)
                return parse.parse(body, self._model)
            return self._special(fields, headers) or self._parse(fields, headers)
        except RequestError as error:
            if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                logger.warning("%s", error)
            return failure(
                _encoded(headers) or error if error.status == HTTPStatus.BAD_REQUEST else error
            )
        except MemoryError:
            logger.warning("Out of memory while a request was read")
            return failure(too_large("The request takes more memory than there is"))
        except Exception as error:  # noqa: BLE001 (must not affect other requests)
            # Do not log the message, which may contain data of the client.
            logger.warning("A request could not be read: %s", type(error).__name__)
            return failure(RequestError("The request cannot be read"))

    def _parse(self, fields: Fields, headers: Headers) -> Request:
        hooks = self._hooks
        body, content_type, parameters = forms.content(
            fields, headers, hooks.accepts if hooks else ()
        )
        json_size = _json_size(headers, len(body)) if JSON_SIZE in headers else None
        if hooks and json_size is None and hooks.reads(body, content_type):
            encoded = _encoded(headers)
            if encoded:
                raise encoded
            self._limits.check_request(body, 0)
            return hooks.read(body, content_type, parameters)
        self._limits.check_request(body, json_size)
        request = parse.parse(body, self._model, json_size)
        return hooks.answering(request, parameters) if hooks else request

    def _special(self, fields: Fields, headers: Headers) -> Answer | None:
        """Return the response to a metadata or readiness request, or None for a prediction."""
        # TorchServe passes its own flags as headers, among those of the client. It sets both of
        # these on each prediction; a request for a description has no body.
        own = "url_path" in headers and "explain" in headers
        path = headers["url_path"] if own else ""
        described = headers.get("describe") == "True" and not fields
        if described or path == "metadata" or ("metadata" in fields and not fields.get("body")):
            return Answer(orjson.dumps(self._model.describe_handle()))
        if path == "ready":
            model = self._model
            return Answer(
                orjson.dumps({"name": model.name, "version": model.version, "ready": True})
            )
        if path or (own and headers["explain"] == "True"):
            what = f"path {shorten(path)}" if path else "explanations"
            raise RequestError(f"The model {self._model.name} has no {what}", 404, "NotFound")
        return None


def _json_size(headers: Headers, size: int) -> int:
    """Return the number of bytes of JSON in a body that also has binary tensors."""
    value = headers[JSON_SIZE]
    digits = value if value.isascii() and value.isdigit() and len(value) <= len(str(size)) else ""
    if not digits or int(digits) > size:
        raise RequestError(
            f"Expected a number of at most {size} bytes, got {shorten(value)} "
            "- at the header Inference-Header-Content-Length"
        )
    return int(digits)


def _encoded(headers: Headers) -> RequestError | None:
    """Return the error for a body with a Content-Encoding, or None if it has none."""
    encoding = headers.get("content-encoding", "identity")
    if encoding.lower() == "identity":
        return None
    return forms.unsupported(
        f"The body came with Content-Encoding: {shorten(encoding)}: send it as it is"
    )
