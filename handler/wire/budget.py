"""The limits of this process on what a single request may take, set once from `handler/limits.py`.

The size of a body limits most of what it takes. Checked here is what the size does not show: text
that is parsed into Python objects, and the response.
"""

from __future__ import annotations

from wire.errors import beyond_memory

# Bytes for each number, list and object of a text that is parsed into Python objects, until the
# response is written. Measured: 132 for integers and floats in turn, 515 for two lists of one
# number, 588 for a list of one number and one of two.
NUMBER, LIST, OBJECT = 136, 128, 640

# Bytes for Python objects of one request, and bytes of one response; None for no limit.
objects: int | None = None
response: int | None = None


def check_objects(text: bytes | bytearray) -> None:
    """Refuse a text whose Python objects would take more memory than a request has.

    Raises:
        RequestError: kind PayloadTooLarge.
    """
    if objects is None or len(text) * LIST <= objects:
        return
    cost = text.count(b",") * NUMBER + text.count(b"[") * LIST + text.count(b"{") * OBJECT
    if cost > objects:
        raise beyond_memory(
            f"These instances differ in kind or length, so that they may take {cost} bytes of "
            f"memory, and a request has {objects}"
        )


def check_response(size: int) -> None:
    """Refuse to write a response of more than the allowed size.

    Raises:
        RequestError: kind PayloadTooLarge.
    """
    if response is not None and size > response:
        raise beyond_memory(f"The response has more than {response} bytes")
