"""The V1 response: `{"predictions": [...]}`."""

from __future__ import annotations

from collections.abc import Iterable

from wire.request import Body


def body(predictions: Iterable[bytes]) -> Body:
    """Return the response body from one JSON text per instance."""
    return of(b"[%b]" % b",".join(predictions))


def of(predictions: bytes) -> Body:
    """Return the response body from the JSON text of all predictions."""
    return Body(b'{"predictions":%b}' % predictions)
