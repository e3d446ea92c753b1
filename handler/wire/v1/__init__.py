"""KServe V1, also used by Vertex AI: `{"instances": ...}` to `{"predictions": ...}`.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from wire import duplicates, limits
from wire.errors import invalid, type_of
from wire.interface import Interface, Request
from wire.v1 import calls, elements, rows


class Document(msgspec.Struct, forbid_unknown_fields=True):
    """The body; Vertex AI's and TensorFlow Serving's other fields are accepted and ignored."""

    instances: msgspec.Raw
    parameters: msgspec.Raw | UnsetType = UNSET
    signature_name: str | None = None


_DOCUMENT = msgspec.json.Decoder(Document)
_OBJECT = re.compile(rb"\[[ \t\r\n]*\{")
_OBJECTS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])


def parse(data: bytes | bytearray, model: Interface) -> Request:
    """Parse a V1 request.

    Raises:
        RequestError: the request is invalid, or the model does not accept it.
        msgspec.ValidationError: the document does not have the fields of V1.
    """
    instances = _DOCUMENT.decode(data).instances
    text = bytes(instances)
    if text[:1] != b"[":
        raise invalid(f"Expected a list, got {type_of(text)}", "$.instances")
    if _OBJECT.match(text):
        limits.check_objects(text)
        objects = _OBJECTS.decode(instances)
        duplicates.refuse(data, [value for instance in objects for value in instance.values()])
        form: Any = rows if model.batch == "rows" else calls
        request: Request = form.parse_objects(objects, model)
        return request
    duplicates.refuse(data, [instances])
    if model.batch == "rows":
        return rows.parse(text, model)
    if model.batch == "elements" and elements.fits(model):
        return elements.parse(text, model)
    return calls.parse(text, model)
