"""Turns what TorchServe passes for a request into a parsed request or a response."""

from collections.abc import Mapping
from typing import Any

import orjson

import forms
from answers import Answer, attempt
from headers import JSON_SIZE, Headers
from hooks import Hooks
from model import Model
from wire import limits, parse
from wire.errors import RequestError, shorten
from wire.interface import Request

Fields = Mapping[str, Any]
_UNREADABLE = RequestError("The request cannot be read")


class Reader:
    """Reads the requests for a model."""

    def __init__(self, model: Model, hooks: Hooks | None) -> None:
        """Read requests for `model`; `hooks` is the archive's own code, if any."""
        self._model, self._hooks = model, hooks

    def read(self, fields: Fields, headers: Headers) -> Request | Answer:
        """Return the parsed request, or the response if the model does not have to be called."""
        return attempt(self._read, fields, headers, "read", _UNREADABLE)

    def _read(self, fields: Fields, headers: Headers) -> Request | Answer:
        if headers.plain and len(fields) == 1 and "body" in fields and self._hooks is None:
            body = fields["body"]
            limits.check_request(len(body), len(body))
            return parse.parse(body, self._model.interface)
        try:
            return self._special(fields, headers) or self._parse(fields, headers)
        except RequestError as error:
            if error.kind == "InvalidInput":
                _check_encoding(headers)
            raise

    def _parse(self, fields: Fields, headers: Headers) -> Request:
        hooks = self._hooks
        body, content_type, parameters = forms.content(
            fields, headers, hooks.accepts if hooks else ()
        )
        json_size = _json_size(headers, len(body)) if JSON_SIZE in headers else None
        if hooks and json_size is None and hooks.reads(body, content_type):
            _check_encoding(headers)
            limits.check_request(len(body), 0)
            return hooks.read(body, content_type, parameters)
        limits.check_request(len(body), len(body) if json_size is None else json_size)
        request = parse.parse(body, self._model.interface, json_size)
        return hooks.answering(request, parameters) if hooks else request

    def _special(self, fields: Fields, headers: Headers) -> Answer | None:
        """Return the response to a metadata or readiness request, or None for a prediction."""
        # TorchServe passes its own flags as headers, among those of the client. It sets both of
        # these on each prediction; a request for a description has no body.
        model = self._model.interface
        own = "url_path" in headers and "explain" in headers
        path = headers["url_path"] if own else ""
        described = headers.get("describe") == "True" and not fields
        if described or path == "metadata" or ("metadata" in fields and not fields.get("body")):
            return Answer(orjson.dumps(self._model.description))
        if path == "ready":
            ready = {"name": model.name, "version": model.version, "ready": True}
            return Answer(orjson.dumps(ready))
        if path or (own and headers["explain"] == "True"):
            what = f"path {shorten(path)}" if path else "explanations"
            raise RequestError(f"The model {model.name} has no {what}", "NotFound")
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


def _check_encoding(headers: Headers) -> None:
    """Refuse a body with a Content-Encoding: what decodes it stands before the handler."""
    encoding = headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise forms.unsupported(
            f"The body came with Content-Encoding: {shorten(encoding)}: send it as it is"
        )
