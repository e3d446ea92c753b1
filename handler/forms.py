"""Finds the body of a request: the raw HTTP body or a field of a multipart form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import multipart

from headers import Headers
from wire.errors import RequestError, shorten

Bytes = bytes | bytearray
# The form fields that may hold the body.
NAMES = ("data", "body")
MAX_FIELDS = 100
# The key under which `batch_io` stores the name of a field that occurs more than once.
REPEATED = "a field twice"
PLACE = "at the multipart body"


def body(fields: Mapping[str, Any], headers: Headers) -> Bytes:
    """Return the body of a request.

    Args:
        fields: the raw body under `body` and the query's parameters, or the fields of a form.
        headers: names in lower case; empty for a request over gRPC.

    Raises:
        RequestError: the request has no body or several, or the body cannot be read.
    """
    kind = headers.get("content-type", "")
    if kind != "application/json":
        kind = kind.lower()
        if kind.startswith("application/x-www-form-urlencoded"):
            raise RequestError(
                "The body came form-encoded (what curl -d sends by itself): "
                "send it with the header Content-Type: application/json",
                415,
                "UnsupportedMediaType",
            )
        if kind.startswith("multipart/"):
            fields = _fields(fields, headers["content-type"])
    if REPEATED in fields:
        raise RequestError(f"The field {fields[REPEATED]} came more than once - {_place(headers)}")
    found = [name for name in NAMES if name in fields]
    if not found or len(found) > 1:
        if "body" in found and headers and not kind.startswith("multipart/"):
            found = ["body"]  # `data` is a query parameter
        else:
            got = ", got both" if found else ""
            raise RequestError(f"Expected one field named data or body{got} - {_place(headers)}")
    value: str | Bytes = fields[found[0]]
    return value.encode() if isinstance(value, str) else value


def _place(headers: Headers) -> str:
    if not headers:
        return "at the gRPC input"
    return (
        PLACE
        if headers.get("content-type", "").lower().startswith("multipart/")
        else ("at the request's body and query")
    )


def _fields(fields: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Return the fields of a multipart form, parsing it unless TorchServe has done so."""
    raw = fields.get("body")
    boundary = multipart.parse_options_header(kind)[1].get("boundary", "")
    if raw is None or isinstance(raw, str):
        return fields
    if not boundary:
        raise RequestError(f"The multipart body has no boundary in its Content-Type - {PLACE}")
    if b"--" + boundary.encode() not in raw:
        return fields
    try:
        return _parse(bytes(raw), boundary)
    except multipart.MultipartError as error:
        raise RequestError(
            f"The multipart body cannot be read: {shorten(str(error))} - {PLACE}"
        ) from None


def _parse(raw: bytes, boundary: str) -> dict[str, bytes]:
    found: dict[str, list[bytes]] = {}
    pieces: list[bytes] | None = None
    with multipart.PushMultipartParser(boundary, max_segment_count=MAX_FIELDS) as parser:
        for event in parser.parse(raw):
            if isinstance(event, multipart.MultipartSegment):
                pieces = None
                if event.name in found:
                    raise RequestError(f"The field {event.name} came more than once - {PLACE}")
                if event.name in NAMES:
                    pieces = found[event.name] = []
            elif event is not None and pieces is not None:
                pieces.append(bytes(event))
    return {name: b"".join(each) for name, each in found.items()}
