"""Asking two versions the same before one takes the other's place."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from scripts.server.client import Client, Unreachable
from scripts.versions.errors import VersionsError

# Every way that an answer of DoubleIt can go, errors included: integers that float64 cannot hold
# and the outermost ones, one beyond them, floats that must come back exact, one whose double is
# infinite, nothing, many, several inputs, and a word among numbers.
BODIES = [
    b"[1, 2, 3, 4]",
    b"[]",
    b"[9007199254740993, -4611686018427387904, 4611686018427387903]",
    b"[4611686018427387904]",
    b"[0.1, -0.0, 5e-324, 1.7976931348623157]",
    b"[1e308]",
    json.dumps(list(range(100))).encode(),
    b'{"instances": [[1, 2], [0.5]]}',
    b'[1, "2"]',
]
RETRY_SECONDS = 0.2
# Characters of a body or answer in a message.
SHOWN = 120


class SmokeError(VersionsError):
    """A version does not answer as it should."""


class Check(NamedTuple):
    """What versions are asked.

    Attributes:
        bodies: the requests.
        timeout: seconds that an answer may take.
        accept_differences: whether it is enough that the new version answers 200 to what the old
            one answers 200, and no 5xx to anything else.
    """

    bodies: Sequence[bytes]
    timeout: float
    accept_differences: bool


class Answer(NamedTuple):
    """A status and what can be compared of a body; or why there is none."""

    status: int
    text: str

    def __str__(self) -> str:
        """Return one short line."""
        return _short(f"{self.status} {self.text}" if self.status else self.text)


def read(file: Path) -> list[bytes]:
    """Return the request bodies of a file, one for each line that is not empty.

    Raises:
        VersionsError: the file cannot be read or holds none.
    """
    try:
        bodies = [line.strip() for line in file.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        raise VersionsError(f"cannot read {file}: {error.strerror}") from None
    if not bodies:
        raise VersionsError(f"{file} holds no request: write a JSON body on each line")
    return bodies


def compare(client: Client, old: str, new: str, check: Check) -> None:
    """Make sure that `new` answers what it is asked as `old` does.

    Raises:
        SmokeError: it does not; the message has the body, what was expected and what came.
    """
    told = False
    for body in check.bodies:
        expected = _patiently(client, old, body, check.timeout)
        if not expected.status:
            raise SmokeError(f"the default {old} itself fails on {_short(body)}: {expected}")
        actual = _ask(client, new, body, check.timeout)
        told = told or expected.status == HTTPStatus.OK
        if actual == expected or (check.accept_differences and _sound(actual, expected)):
            continue
        content = check.accept_differences and expected.status == HTTPStatus.OK
        wanted = "200" if content else expected
        raise SmokeError(
            f"{new} failed the smoke check on {_short(body)}: expected {wanted}, as {old} answers; "
            f"actual {actual}"
        )
    if not told:
        raise SmokeError(
            f"{old} answers 200 to none of the smoke requests, so they show nothing: give others "
            "with --smoke"
        )


def _sound(actual: Answer, expected: Answer) -> bool:
    if expected.status == HTTPStatus.OK:
        return actual.status == HTTPStatus.OK
    return HTTPStatus.OK <= actual.status < HTTPStatus.INTERNAL_SERVER_ERROR


def _patiently(client: Client, version: str, body: bytes, timeout: float) -> Answer:
    """Ask the version that serves everybody else: its queue may be full for a moment."""
    deadline = time.monotonic() + timeout
    while True:
        answer = _ask(client, version, body, timeout)
        if answer.status != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
            return answer
        time.sleep(RETRY_SECONDS)


def _ask(client: Client, version: str, body: bytes, timeout: float) -> Answer:
    try:
        response = client.predict(version, body, timeout)
    except Unreachable as error:
        return Answer(0, str(error))
    return Answer(response.status, _comparable(response.body.decode(errors="replace")))


def _comparable(text: str) -> str:
    """Return JSON in one form: 2 and 2.0 stay different, and so does every digit."""
    try:
        document = json.loads(text)
    except ValueError:
        return text
    if isinstance(document, dict):
        # The Open Inference Protocol's answers name the version that gave them.
        document.pop("model_version", None)
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def _short(text: str | bytes) -> str:
    line = " ".join((text.decode(errors="replace") if isinstance(text, bytes) else text).split())
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."
