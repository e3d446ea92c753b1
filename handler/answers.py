"""The responses that the handler returns to TorchServe."""

import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TypeVar

import msgspec
import orjson

from headers import JSON_SIZE
from wire.errors import Kind, RequestError, too_large
from wire.interface import JSON, OCTETS, Body

logger = logging.getLogger(__name__)

S = TypeVar("S")
T = TypeVar("T")
U = TypeVar("U")

# A streaming gRPC call loses its worker if a response does not say whether it is the last one.
# A request without headers came over gRPC, because an HTTP request always has at least one. Over
# HTTP this header would turn the response into a stream.
LAST_OF_STREAM = {"ts_stream_next": "false"}
_STATUSES: dict[Kind, HTTPStatus] = {
    "InvalidInput": HTTPStatus.BAD_REQUEST,
    "NotFound": HTTPStatus.NOT_FOUND,
    "PayloadTooLarge": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "UnsupportedMediaType": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    "ModelError": HTTPStatus.INTERNAL_SERVER_ERROR,
}


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


def failure(message: str, status: HTTPStatus, kind: str) -> Answer:
    """Return an error in TorchServe's format, plus `error`, where V2 clients look for it."""
    # A lone surrogate is possible in JSON, but cannot be encoded as UTF-8.
    message = message.encode(errors="replace").decode()
    error = {"code": status, "type": kind, "message": message, "error": message}
    return Answer(orjson.dumps(error), status)


def refusal(error: RequestError) -> Answer:
    """Return the response for a request that failed."""
    return failure(str(error), _STATUSES[error.kind], error.kind)


def attempt(
    step: Callable[[S, U], T], one: S, other: U, what: str, otherwise: RequestError
) -> T | Answer:
    """Return the result of a step of one request, or the response if it raises.

    Args:
        step: raises RequestError where the request is at fault, or the model.
        one: its first argument.
        other: its second argument.
        what: what the step does, such as `read`, for the log and the message.
        otherwise: the error for any other exception, which must not affect other requests.
    """
    try:
        return step(one, other)
    except RequestError as error:
        if error.kind == "ModelError":
            logger.warning("%s", error)
        return refusal(error)
    except MemoryError:
        logger.warning("Out of memory while a request was %s", what)
        return refusal(too_large(f"There is not enough memory for the request to be {what}"))
    except Exception as error:  # noqa: BLE001 (must not affect other requests)
        # Do not log the message, which may contain data of the client.
        logger.warning("A request could not be %s: %s", what, type(error).__name__)
        return refusal(otherwise)
