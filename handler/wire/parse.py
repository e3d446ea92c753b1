"""Parses the body of a request in any format.

The content of the body determines its format:

- an array of numbers,
- KServe V1 (also Vertex AI): an object with `instances`,
- Open Inference Protocol V2: an object with `inputs`.
"""

import re

import msgspec
from msgspec import UNSET, UnsetType

from wire import bare, v1, v2
from wire.duplicates import TOO_DEEP
from wire.errors import RequestError, invalid, refusal, shorten
from wire.interface import Interface, Request
from wire.pieces import SPACE

FORMS = 'a list of numbers, or an object with "instances" or "inputs"'
# Number of keys that the message for an object without a known key repeats.
KEYS = 5

# Bytes. In a larger object the keys are not listed, as each takes a Python object.
KEYS_BYTES = 1 << 16
# JSON must not begin with one (RFC 8259, section 8.1).
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _Forms(msgspec.Struct):
    instances: msgspec.Raw | UnsetType = UNSET
    inputs: msgspec.Raw | UnsetType = UNSET


_FORM_NAMES = _Forms.__struct_fields__
_FORMS = msgspec.json.Decoder(_Forms)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
# What V1 has as `instances` and V2 as `inputs`.
_INSTANCES, _INPUTS = re.compile(rb"\["), re.compile(rb"\[[ \t\r\n]*\{")


def parse(body: bytes | bytearray, model: Interface, json_size: int | None = None) -> Request:
    """Parse a request's body.

    Args:
        body: the body as the client sent it. Tensors of the request may share its memory.
        model: the model that the request is for.
        json_size: how many bytes of the body are JSON, if binary tensors follow; None if all are.

    Raises:
        RequestError: the body is invalid. The message says what was expected, what was sent and
            where.
    """
    if len(body) < bare.SHORT_BYTES and body[:1] == b"[" and model.batch == "elements":
        request = bare.parse_short(body, model.inputs[0])
        if request:
            return request
    # A copy only if binary tensors follow; parts of the document share its memory.
    data = body if json_size is None else bytes(body[:json_size])
    binary = None if json_size is None else memoryview(body)[json_size:]
    text = data.lstrip(SPACE) if data[:1].isspace() else data
    if not text:
        raise RequestError(f"Empty body: expected {FORMS} - at byte 0")
    if text[:3] == _BYTE_ORDER_MARK:
        raise RequestError("The body begins with a byte order mark: send it without - at byte 0")
    try:
        form = _form(data) if text[:1] == b"{" else "bare"
        if form == "inputs":
            return v2.parse(data, model, binary)
        if binary is not None:
            raise invalid('Expected an object with "inputs" before the binary data', "$")
        return v1.parse(data, model) if form == "instances" else bare.parse(text, model)
    except msgspec.DecodeError as error:
        raise refusal(error, data) from None
    except RecursionError:
        raise invalid(TOO_DEEP, "$") from None
    except UnicodeDecodeError as error:
        raise RequestError(f"Not JSON: {error} - at $") from None


def _form(data: bytes | bytearray) -> str:
    object_ = _FORMS.decode(data)
    forms = [name for name in _FORM_NAMES if getattr(object_, name) is not UNSET]
    if len(forms) == 1:
        return forms[0]
    what = ""
    if len(data) <= KEYS_BYTES:
        keys = list(_OBJECT.decode(data))[:KEYS]
        what = " with " + shorten(", ".join(f'"{key}"' for key in keys) or "no keys")
    raise invalid(f"Expected {FORMS}, got an object{what}", "$")


def names_tensors(body: bytes | bytearray) -> bool:
    """Return whether a body is meant as a V1 or V2 request, not as other JSON or another format."""
    try:
        forms = _FORMS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return any(
        value is not UNSET and pattern.match(memoryview(value)) is not None
        for value, pattern in ((forms.instances, _INSTANCES), (forms.inputs, _INPUTS))
    )
