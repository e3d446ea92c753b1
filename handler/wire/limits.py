"""Limits for a single request, so that no valid body can exhaust a worker's memory.

The supervisor sets them from the available memory; without these variables there are no limits.
The size of a body limits most of what it takes. Text that is parsed into Python objects and
responses are checked where they arise.
"""

import os

from wire.errors import RequestError, beyond_memory

# Maximum bytes of memory per byte of a body, from parsing to the response, measured with DoubleIt.
# Each is the peak of a process with a body of 8 MiB in the worst case of its format, rounded up.
# A model whose output is larger than its input needs more.
# 4.4 measured: the tensor, the model's output and the bytes of the response.
BINARY = 6
# 6 to 11 measured: also the text, and the numbers in the datatype in which they are read.
JSON = 12
# Bytes for each number, list and object of a text that is parsed into Python objects, until the
# response is written. Measured: 132 for integers and floats in turn, 515 for two lists of one
# number, 588 for a list of one number and one of two.
NUMBER, LIST, OBJECT = 136, 128, 640

# Bytes of memory that one request may take, from parsing to the response, and bytes of a response
# that TorchServe accepts from a worker; None for no limit.
memory: int | None = None
response: int | None = None


def read_environment() -> None:
    """Set the limits from the environment variables of the supervisor."""
    global memory, response
    memory, response = _number("REQUEST_MEMORY_BYTES"), _number("MAX_RESPONSE_BYTES")


def _number(variable: str) -> int | None:
    value = os.environ.get(variable)
    return int(value) if value else None


def check_request(size: int, json_size: int) -> None:
    """Refuse a body of `size` bytes, of which `json_size` are JSON and the others binary tensors.

    Raises:
        RequestError: kind PayloadTooLarge; it may take more memory than a request has.
    """
    if memory is None or size * JSON <= memory:
        return
    cost = (size - json_size) * BINARY + json_size * JSON
    if cost > memory:
        raise _beyond(f"A body of {size} bytes may take {cost} bytes of memory")


def check_array(name: str, size: int) -> None:
    """Refuse an input of `size` bytes that the archive's own code has made; raise as above."""
    if memory is not None and size > memory:
        raise _beyond(f"The input {name} has {size} bytes")


def check_objects(text: bytes | bytearray) -> None:
    """Refuse a text whose Python objects may take too much memory; raise as above."""
    if memory is None or len(text) * LIST <= memory:
        return
    cost = text.count(b",") * NUMBER + text.count(b"[") * LIST + text.count(b"{") * OBJECT
    if cost > memory:
        raise _beyond(
            f"These instances differ in kind or length, so that they may take {cost} bytes"
        )


def _beyond(what: str) -> RequestError:
    return beyond_memory(f"{what}, and a request has {memory}")


def check_response(size: int) -> None:
    """Refuse a response of at least `size` bytes; raise as above."""
    if response is not None and size > response:
        raise beyond_memory(f"The response has more than {response} bytes")
