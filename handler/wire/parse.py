"""The wire format: bytes of JSON to 1-D arrays, and the model's answers back to bytes.

Knows neither TorchServe nor HTTP. The body's shape decides which form it is:

- a list of numbers,
- KServe V1 (also Vertex AI): an object with `instances`,
- Open Inference Protocol V2: an object with `inputs`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from wire import large, v1, v2
from wire.arrays import Array, IntegerBounds, to_array, to_json
from wire.errors import RequestError, invalid
from wire.request import ModelId, Request

FORMS = 'a list of numbers, or an object with "instances" or "inputs"'


class NumberList:
    """The bare form: `[1, 2, 3]`."""

    def __init__(self, array: Array) -> None:
        """Hold the one array."""
        self.arrays = (array,)

    def render(self, outputs: Sequence[Array], model: ModelId) -> bytes:  # noqa: ARG002 (as the others)
        """Return a JSON list."""
        return to_json(outputs[0], lambda i: f"$[{i}]")


_LIST = msgspec.json.Decoder(list[int | float])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


def parse(body: bytes | bytearray | memoryview, bounds: IntegerBounds) -> Request:
    """Parse a request's body.

    Args:
        body: JSON, as it came from the client.
        bounds: the integers that the model takes.

    Raises:
        RequestError: status 400; the message says what was expected, what came, and where.
    """
    data = bytes(body)
    try:
        if data.lstrip(b" \t\r\n").startswith(b"{"):
            return _parse_object(data, bounds)
        array = large.parse(data, bounds)
        if array is None:
            array = to_array(_LIST.decode(data), bounds, lambda i: f"$[{i}]")
        return NumberList(array)
    except msgspec.ValidationError as error:
        raise RequestError(plain(str(error))) from None
    except msgspec.DecodeError as error:
        raise _malformed(str(error), data) from None
    except (UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"Not JSON: {error} - at $") from None


def _parse_object(data: bytes, bounds: IntegerBounds) -> Request:
    keys = _OBJECT.decode(data)
    forms = [key for key in ("instances", "inputs") if key in keys]
    if len(forms) != 1:
        found = ", ".join(f'"{key}"' for key in list(keys)[:5]) or "no keys"
        raise invalid(f"Expected {FORMS}, got an object with {found}", "$")
    if forms == ["instances"]:
        return v1.parse(data, bounds)
    return v2.parse(data, bounds)


def _malformed(message: str, data: bytes) -> RequestError:
    if not data.strip():
        return RequestError(f"Empty body: expected {FORMS} - at byte 0")
    if "byte" not in message:
        message = f"{message} (byte {len(data)})"
    return RequestError(f"Not JSON: {message}")


def plain(message: str) -> str:
    """Return msgspec's message in the words of the wire format, always with a place."""
    message = re.sub(r"`int \| float( \| array)?`", r"a number\1", message)
    message = message.replace("a number | array", "a number or a list of numbers")
    message = message.replace("Expected `array`", "Expected a list").replace("`", "")
    return message if " - at " in message else f"{message} - at $"


def is_v2(body: bytes | bytearray | memoryview) -> bool:
    """Say whether a body that did not parse was meant as Open Inference Protocol V2."""
    return b'"inputs"' in bytes(body)
