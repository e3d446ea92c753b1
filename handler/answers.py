"""The responses that the handler returns to TorchServe."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import msgspec

from headers import JSON_SIZE
from wire.errors import RequestError
from wire.request import JSON, OCTETS, Body

# A streaming gRPC call loses its worker if a response does not say whether it is the last one.
# A request without headers came over gRPC, because an HTTP request always has at least one. Over
# HTTP this header would turn the response into a stream.
LAST_OF_STREAM = {"ts_stream_next": "false"}


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A response: body, HTTP status, content type and additional headers."""

    body: bytes | bytearray
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


# Responses with the places of their requests in the batch.
Answers = Sequence[tuple[int, Answer]]


def success(body: Body) -> Answer:
    """Return a successful response with the given body."""
    if body.json_size is None:
        return Answer(body.data, content_type=body.content_type)
    headers = ((JSON_SIZE, str(body.json_size)),)
    return Answer(body.data, content_type=OCTETS, headers=headers)


def failure(error: RequestError) -> Answer:
    """Return the response for a request that failed."""
    return Answer(error.to_json(), HTTPStatus(error.status))
