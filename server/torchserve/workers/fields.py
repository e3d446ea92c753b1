"""Gives the handlers of other archives the fields of a form.

The edited jar passes forms on as raw bodies (server/torchserve/jar.py), which this project's
handler reads itself. Other handlers expect the fields that TorchServe makes of them, so they are
made here, and then decoded by TorchServe's own code like any other input.
"""

import io
import struct
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

import multipart
from ts.protocol import otf_message_handler as protocol

# A form with more fields, or one that cannot be read, stays a raw body.
MAX_FIELDS = 1000
OCTETS = "application/octet-stream"

Request = Mapping[str, Any]
# Name, content type and value, as Netty's decoder returns them: only files have a content type.
Field = tuple[str, str, bytes]


def install() -> None:
    """Make TorchServe's reader of requests return the fields of a form."""
    retrieve = protocol._retrieve_request

    def retrieve_request(connection: Any) -> Request | None:  # noqa: ANN401
        request: dict[str, Any] | None = retrieve(connection)
        if request is not None:
            request["parameters"] = parameters(request)
        return request

    protocol._retrieve_request = retrieve_request


def parameters(request: Request) -> list[dict[str, Any]]:
    """Return the inputs of a request; those of a form instead of its raw body."""
    given: list[dict[str, Any]] = request["parameters"]
    body = next((field["value"] for field in given if field["name"] == "body"), None)
    headers = {bytes(header["name"]).lower(): header["value"] for header in request["headers"]}
    kind = bytes(headers.get(b"content-type", b"")).decode("latin-1")
    if not isinstance(body, (bytes, bytearray)):
        return given
    media, options = multipart.parse_options_header(kind)
    try:
        if media == "application/x-www-form-urlencoded":
            fields = _pairs(body.decode("latin-1"))
        elif media.startswith("multipart/") and options.get("boundary"):
            fields = [*_parts(bytes(body), options["boundary"])]
        else:
            return given
    except (multipart.MultipartError, ValueError):
        return given
    return [*(field for field in given if field["name"] != "body"), *map(_decoded, fields)]


def _pairs(text: str) -> list[Field]:
    """Return the fields of an encoded form, each byte of which is a character of `text`."""
    head, _, last = text.rpartition("&")
    return [
        (name.encode("latin-1").decode(errors="replace"), "", value.encode("latin-1"))
        for name, value in parse_qsl(
            # Netty ignores a name at the end without a value.
            text if "=" in last else head,
            keep_blank_values=True,
            encoding="latin-1",
            max_num_fields=MAX_FIELDS,
        )
    ]


def _parts(body: bytes, boundary: str) -> Iterator[Field]:
    segment, pieces = None, list[bytes]()
    with multipart.PushMultipartParser(boundary, max_segment_count=MAX_FIELDS) as parser:
        for event in parser.parse(body):
            if isinstance(event, multipart.MultipartSegment):
                segment, pieces = event, []
            elif event is not None:
                pieces.append(bytes(event))
            elif segment is not None:
                a_file = segment.filename is not None
                kind = (segment.content_type or OCTETS) if a_file else ""
                yield segment.name, kind, b"".join(pieces)


def _decoded(field: Field) -> dict[str, Any]:
    """Return what TorchServe's reader makes of an input."""
    name, kind, value = field
    message = b"".join(
        struct.pack("!i", len(part)) + part for part in (name.encode(), kind.encode(), value)
    )
    decoded: dict[str, Any] = protocol._retrieve_input_data(_Connection(message))
    return decoded


class _Connection(io.BytesIO):
    """Bytes that are read like those of a socket."""

    recv = io.BytesIO.read
