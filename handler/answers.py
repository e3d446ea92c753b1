"""What a request is answered with."""

from __future__ import annotations

from http import HTTPStatus

import msgspec

from headers import JSON_SIZE
from wire.errors import RequestError
from wire.request import JSON, OCTETS, Body

# gRPC's streaming calls lose their worker over an answer that does not say whether it is the last.
# A request without headers came over gRPC: over HTTP there is always one, and there this header
# would make a stream of the answer.
LAST_OF_STREAM = {"ts_stream_next": "false"}
MORE_OF_STREAM = {"ts_stream_next": "true"}


class Answer(msgspec.Struct, frozen=True, gc=False):
    """A body with its HTTP status, content type and headers of its own."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


def success(body: Body) -> Answer:
    """Return the answer with a body that a request was rendered to."""
    if body.json_size is None:
        return Answer(body.data)
    headers = ((JSON_SIZE, str(body.json_size)),)
    return Answer(body.data, content_type=OCTETS, headers=headers)


def failure(error: RequestError) -> Answer:
    """Return the answer for a request that failed."""
    return Answer(error.to_json(), HTTPStatus(error.status))
