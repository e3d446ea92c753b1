"""What the servers are sent: requests with the check of each response, and loads of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

JSON = {"Content-Type": "application/json"}
# How much of a wrong response an error message repeats, in bytes.
ECHO_BYTES = 200


class Request(NamedTuple):
    """A request and the check of its response.

    Attributes:
        path: the path of the server's route.
        body: its body; None for a GET.
        headers: its headers.
        mistake: returns what is wrong with a response body, or an empty string.
    """

    path: str
    body: bytes | None
    headers: Mapping[str, str]
    mistake: Callable[[bytes], str]


# A server's requests by name.
Requests = Mapping[str, Request]


class Load(NamedTuple):
    """A load.

    Attributes:
        request: the name of the request.
        connections: concurrent clients; each sends one request at a time.
    """

    request: str
    connections: int

    @property
    def key(self) -> str:
        """Its name in the results and in tables' columns."""
        return f"{self.request} x {self.connections}"

    @property
    def title(self) -> str:
        """Its name in sentences."""
        connections = "connection" if self.connections == 1 else "connections"
        return f"{self.request}, {self.connections} {connections}"


LENGTHS = {"10 numbers": 10, "1 000 numbers": 1_000, "100 000 numbers": 100_000}
SHORT, MEDIUM, LONG = LENGTHS
LONE, FEW, MANY, CROWD = (Load(SHORT, connections) for connections in (1, 8, 64, 256))
MIDDLE, LARGE = Load(MEDIUM, 16), Load(LONG, 4)
PING = Load("GET /ping", 256)
LISTS = (LONE, FEW, MANY, CROWD, MIDDLE, LARGE)


class ListFormat(NamedTuple):
    """The JSON format of a server that doubles a list of numbers.

    Attributes:
        encode: returns the request document for a list of numbers.
        decode: returns the list of numbers in a response document.
    """

    encode: Callable[[Sequence[int]], Any]
    decode: Callable[[Any], Any]

    def requests(self, path: str) -> dict[str, Request]:
        """Return a request for each length of list."""
        return {name: self.request(path, range(1, n + 1)) for name, n in LENGTHS.items()}

    def request(self, path: str, numbers: Sequence[int]) -> Request:
        """Return the request to double `numbers`."""
        body = json.dumps(self.encode(numbers)).encode()
        doubled = [2 * number for number in numbers]
        what = f"{len(numbers)} numbers were not doubled"
        return Request(
            path, body, JSON, check(self.decode, lambda numbers: bool(numbers == doubled), what)
        )


def check(
    decode: Callable[[Any], Any],
    right: Callable[[Any], bool],
    what: str,
    parse: Callable[[bytes], Any] = json.loads,
) -> Callable[[bytes], str]:
    """Return the check of a response body.

    Args:
        decode: returns the output in a parsed response; raises ValueError, LookupError or TypeError
            if the response does not have the expected format.
        right: whether an output is the expected one.
        what: the message for an output that is not.
        parse: parses the response body.
    """

    def mistake(body: bytes) -> str:
        try:
            output = decode(parse(body))
            correct = right(output)
        except (ValueError, LookupError, TypeError) as error:
            return f"the response does not have the expected format ({error}): {_cut(body)}"
        return "" if correct else f"{what}: {_cut(body)}"

    return mistake


def _cut(body: bytes) -> str:
    return repr(body[:ECHO_BYTES])


def _tensor(numbers: Sequence[int]) -> dict[str, Any]:
    # One row, because servers that batch do so along the first dimension.
    data = list(numbers)
    return {"name": "numbers", "shape": [1, len(data)], "datatype": "INT64", "data": data}


PLAIN = ListFormat(list, lambda answer: answer)
# BentoML: a list of rows, named after the method's parameter.
ROWS = ListFormat(lambda numbers: {"numbers": [list(numbers)]}, lambda answer: answer[0])
# The Open Inference Protocol V2 of MLServer and Triton.
V2 = ListFormat(
    lambda numbers: {"inputs": [_tensor(numbers)]}, lambda answer: answer["outputs"][0]["data"]
)
