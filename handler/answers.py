"""What a request is answered with."""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from wire.errors import RequestError

# gRPC's streaming calls lose their worker over an answer that does not say whether it is the last.
# A request without headers came over gRPC: over HTTP there is always one, and there this header
# would make a stream of the answer.
LAST_OF_STREAM = {"ts_stream_next": "false"}
MORE_OF_STREAM = {"ts_stream_next": "true"}


class Answer(NamedTuple):
    """A JSON document and its HTTP status."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK


def failure(error: RequestError, *, v2: bool) -> Answer:
    """Return the answer for a request that failed; `v2` for a request of that protocol."""
    return Answer(error.to_json(v2=v2), HTTPStatus(error.status))
