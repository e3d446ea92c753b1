"""Comparing the responses of two versions before one replaces the other."""

import json
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from scripts.model.examples import examples, provided
from server.client import JSON, Client, NotTorchServe, Refused, Unreachable
from server.store.archive import brief
from server.versions.registered import VersionsError


class Sent(NamedTuple):
    """The body of a smoke request, and its content type."""

    body: bytes
    content_type: str = JSON

    def __str__(self) -> str:
        if self.content_type == JSON:
            return brief(self.body.decode(errors="replace"))
        return f"{len(self.body)} bytes of {self.content_type}"


# Each kind of response of DoubleIt, errors included: integers that float64 cannot hold, the largest
# and smallest ones, one beyond them, floats that have to come back exact, one whose double is
# infinite, no numbers, many numbers, several inputs, and a string among numbers.
NUMBERS = [
    Sent(body)
    for body in (
        b"[1, 2, 3, 4]",
        b"[]",
        b"[9007199254740993, -4611686018427387904, 4611686018427387903]",
        b"[4611686018427387904]",
        b"[0.1, -0.0, 5e-324, 1.7976931348623157]",
        b"[1e308]",
        json.dumps(list(range(100))).encode(),
        b'{"instances": [[1, 2], [0.5]]}',
        b'[1, "2"]',
    )
]
RETRY_SECONDS = 0.2
# Time limit for each example.
EXAMPLE_SECONDS = 30.0


class Check(NamedTuple):
    """How to compare versions.

    Attributes:
        requests: the requests; by default those that suit the model.
        timeout: time limit for each response, in seconds.
        accept_differences: whether it is enough that the new version returns 200 where the old one
            returns 200, and no 5xx elsewhere.
    """

    requests: Sequence[Sent] | None
    timeout: float
    accept_differences: bool


class Comparable(NamedTuple):
    """A status and the comparable part of a body; without a response, status 0 and the reason."""

    status: int
    text: str

    def __str__(self) -> str:
        return brief(f"{self.status} {self.text}" if self.status else self.text)


def requests_for(client: Client, version: str) -> list[Sent]:
    """Return requests that suit the model: the example of its archive, if any, and tensors.

    For a model that takes a list of numbers, as DoubleIt does, and for an archive without metadata,
    the tensors are NUMBERS; for any other model an example in each format, made from its metadata.

    Raises:
        ClientError: no response.
        VersionsError: no example got status 200.
    """
    try:
        metadata = client.metadata(version)
        shapes = [each.get("shape") for each in metadata["inputs"]]
    # The handler of another archive may answer anything.
    except (Refused, NotTorchServe, LookupError, TypeError, AttributeError):
        return NUMBERS
    example = provided(metadata)
    own = [Sent(*example)] if example else []
    if shapes == [[-1]]:
        return own + NUMBERS

    def accepted(body: bytes) -> bool:
        return client.predict(version, body, EXAMPLE_SECONDS).status == HTTPStatus.OK

    found = own + [Sent(example.body()) for example in examples(metadata, accepted)]
    if not found:
        raise VersionsError(
            f"no example request for {version} returned 200: pass others with --smoke"
        )
    return found


def read(file: Path) -> list[Sent]:
    """Return the requests of a file: a body in each line that is not empty.

    Raises:
        VersionsError: the file cannot be read or holds none.
    """
    try:
        found = [Sent(line.strip()) for line in file.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise VersionsError(f"cannot read {file}: {error.strerror}") from None
    if not found:
        raise VersionsError(f"{file} contains no request: write a JSON body on each line")
    return found


def compare(client: Client, old: str, new: str, check: Check) -> int:
    """Check that `new` responds as `old` does; return the number of requests.

    Raises:
        VersionsError: it does not; the message has the request body and both responses.
    """
    requests = requests_for(client, old) if check.requests is None else check.requests
    told = False
    for sent in requests:
        expected = _patiently(client, old, sent, check.timeout)
        if not expected.status:
            raise VersionsError(f"the default version {old} fails on {sent}: {expected}")
        actual = _predict(client, new, sent, check.timeout)
        told = told or expected.status == HTTPStatus.OK
        if actual == expected or (check.accept_differences and _sound(actual, expected)):
            continue
        content = check.accept_differences and expected.status == HTTPStatus.OK
        wanted = "200" if content else expected
        raise VersionsError(
            f"{new} failed the smoke check on {sent}: expected {wanted} as from {old}, got {actual}"
        )
    if not told:
        raise VersionsError(
            f"{old} returns 200 for none of the smoke requests, so they prove nothing: pass "
            "others with --smoke"
        )
    return len(requests)


def _sound(actual: Comparable, expected: Comparable) -> bool:
    if expected.status == HTTPStatus.OK:
        return actual.status == HTTPStatus.OK
    return HTTPStatus.OK <= actual.status < HTTPStatus.INTERNAL_SERVER_ERROR


def _patiently(client: Client, version: str, sent: Sent, timeout: float) -> Comparable:
    """Send a request to the version that serves all clients: its queue may be full for a moment."""
    deadline = time.monotonic() + timeout
    while True:
        answer = _predict(client, version, sent, timeout)
        if answer.status != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
            return answer
        time.sleep(RETRY_SECONDS)


def _predict(client: Client, version: str, sent: Sent, timeout: float) -> Comparable:
    try:
        response = client.predict(version, sent.body, timeout, sent.content_type)
    except Unreachable as error:
        return Comparable(0, str(error))
    # Different bytes have to stay different.
    text = response.body.decode(errors="backslashreplace")
    return Comparable(response.status, _comparable(text))


def _comparable(text: str) -> str:
    """Return JSON in canonical form; 2 and 2.0 stay different, and so does every digit."""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    if isinstance(document, dict):
        # Responses of the Open Inference Protocol name the version.
        document.pop("model_version", None)
    return json.dumps(document, sort_keys=True, separators=(",", ":"))
