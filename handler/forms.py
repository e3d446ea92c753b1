"""Finds the body of a request: the raw HTTP body or a field of a multipart form."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import multipart

from headers import Headers, accepts
from wire.errors import RequestError, shorten
from wire.interface import JSON

Bytes = bytes | bytearray
# The form fields that may hold the body.
NAMES = ("data", "body")
MAX_FIELDS = 100
# The key under which `batch_io` stores the name of a field that occurs more than once.
REPEATED = "a field twice"
PLACE, AT_QUERY = "at the multipart body", "at the request's body and query"
ENCODED = "application/x-www-form-urlencoded"


class Content(NamedTuple):
    """What a request holds.

    Attributes:
        body: the body.
        content_type: its type; empty if none was sent.
        parameters: the query's parameters, and the texts of the other fields of a form.
    """

    body: Bytes
    content_type: str
    parameters: Mapping[str, str]


def content(fields: Mapping[str, Any], headers: Headers, accepted: Sequence[str] = ()) -> Content:
    """Return the content of a request; `accepted` are the types that the archive's own code reads.

    `fields` are the raw body under `body`, or the fields of a form; on `/invocations` also the
    query's parameters. `headers` are empty over gRPC.

    Raises:
        RequestError: the request has no body or several, or the body cannot be read.
    """
    sent = headers.get("content-type", "")
    kind = sent.lower()
    if kind.startswith(ENCODED) and not accepts(accepted, kind):
        raise unsupported(
            "The body came form-encoded (what curl -d sends by itself): send it with the header "
            f"Content-Type: {' or '.join([JSON, *accepted])}"
        )
    in_form = kind.startswith("multipart/")
    if in_form:
        fields, sent = _fields(fields, sent)
    place = "at the gRPC input" if not headers else PLACE if in_form else AT_QUERY
    if REPEATED in fields:
        raise RequestError(f"The field {fields[REPEATED]} came more than once - {place}")
    names = [name for name in NAMES if name in fields]
    if not names or len(names) > 1:
        if "body" in names and headers and not in_form:
            names = ["body"]  # `data` is a query parameter
        else:
            got = ", got both" if names else ""
            raise RequestError(f"Expected one field named data or body{got} - {place}")
    value: str | Bytes = fields[names[0]]
    others = dict(parse_qsl(headers.get("url_query", ""), keep_blank_values=True))
    others |= {
        name: field if isinstance(field, str) else bytes(field).decode(errors="replace")
        for name, field in fields.items()
        if name not in NAMES
    }
    return Content(value.encode() if isinstance(value, str) else value, sent, others)


def unsupported(message: str) -> RequestError:
    """Return the error for a body of a type that is not read."""
    return RequestError(message, "UnsupportedMediaType")


def _fields(fields: Mapping[str, Any], kind: str) -> tuple[Mapping[str, Any], str]:
    """Return the fields of a multipart form, and the content type of the body among them.

    TorchServe has parsed the form already if its classes are not edited.
    """
    raw = fields.get("body")
    boundary = multipart.parse_options_header(kind)[1].get("boundary", "")
    if raw is None or isinstance(raw, str):
        return fields, ""
    if not boundary:
        raise RequestError(f"The multipart body has no boundary in its Content-Type - {PLACE}")
    if b"--" + boundary.encode() not in raw:
        return fields, ""
    try:
        return _parse(bytes(raw), boundary)
    except multipart.MultipartError as error:
        raise RequestError(
            f"The multipart body cannot be read: {shorten(str(error))} - {PLACE}"
        ) from None


def _parse(raw: bytes, boundary: str) -> tuple[dict[str, bytes], str]:
    parts: dict[str, list[bytes]] = {}
    pieces: list[bytes] | None = None
    kind = ""
    with multipart.PushMultipartParser(boundary, max_segment_count=MAX_FIELDS) as parser:
        for event in parser.parse(raw):
            if isinstance(event, multipart.MultipartSegment):
                if event.name in NAMES:
                    if event.name in parts:
                        raise RequestError(f"The field {event.name} came more than once - {PLACE}")
                    kind = event.header("Content-Type", "")
                # Other files are ignored.
                used = event.name in NAMES or event.filename is None
                pieces = [] if used else None
                if pieces is not None:
                    parts[event.name] = pieces
            elif event is not None and pieces is not None:
                pieces.append(bytes(event))
    return {name: b"".join(pieces) for name, pieces in parts.items()}, kind
