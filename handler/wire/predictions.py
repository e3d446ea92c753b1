"""How V1 answers: `{"predictions": [...]}`."""

from __future__ import annotations

from collections.abc import Iterable

from wire.request import Body


def body(predictions: Iterable[bytes]) -> Body:
    """Return the answer with a JSON text for each instance."""
    return of(b"[%b]" % b",".join(predictions))


def of(predictions: bytes) -> Body:
    """Return the answer with the JSON text of all predictions."""
    return Body(b'{"predictions":%b}' % predictions)
