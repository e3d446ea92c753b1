"""A client of TorchServe's management API, for one model."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests

# Seconds. Registering unpacks the archive before it answers; the rest takes milliseconds.
TIMEOUT = 60.0
T = TypeVar("T")


class VersionsError(Exception):
    """What was asked for cannot be done; the message says why in one line."""


class _RefusedError(VersionsError):
    """The server answered with an error."""

    def __init__(self, url: str, answer: requests.Response) -> None:
        super().__init__(f"TorchServe refused: {answer.status_code} {_message(answer)} ({url})")
        self.status = answer.status_code


class Server(NamedTuple):
    """A model on a server.

    Attributes:
        model: the model's name.
        management: address of the management API; the others follow it.
    """

    model: str
    management: str
    inference: str
    metrics: str


class Worker(msgspec.Struct, rename="camel"):
    """A process that answers requests. TorchServe calls one that loads or is dead UNLOADING."""

    id: str
    pid: int
    status: str
    start_time: datetime


class Queue(msgspec.Struct, rename="camel"):
    """Requests that wait for a worker."""

    pending_requests: int


class Version(msgspec.Struct, rename="camel"):
    """What the management API says of one version. Delay in milliseconds, timeouts in seconds."""

    model_version: str
    model_url: str
    min_workers: int
    batch_size: int
    max_batch_delay: int
    response_timeout: int
    startup_timeout: int
    workers: list[Worker]
    job_queue_status: Queue

    @property
    def ready(self) -> int:
        """How many workers have loaded the model."""
        return sum(worker.status == "READY" for worker in self.workers)


class Versions(NamedTuple):
    """Every version of the model at one moment, by version, and the default among them."""

    default: str
    all: dict[str, Version]

    def get(self, version: str) -> Version:
        """Return one version.

        Raises:
            VersionsError: the server does not have it.
        """
        if version not in self.all:
            known = ", ".join(self.all)
            raise VersionsError(f"version {version} is not registered; the server has {known}")
        return self.all[version]


class _Failure(msgspec.Struct):
    message: str = ""


class _Model(msgspec.Struct, rename="camel"):
    model_name: str


class _Models(msgspec.Struct):
    models: list[_Model]


class Management:
    """The management API of one server, as far as versions of one model go."""

    def __init__(self, server: Server, *, allow_remote: bool = False) -> None:
        """Prepare to talk to `server`.

        Raises:
            VersionsError: its management API is not on loopback and `allow_remote` is false.
        """
        if not (allow_remote or is_loopback(server.management)):
            raise VersionsError(
                f"{server.management} is not on loopback: a management API that others can reach "
                "lets them load code. Say --allow-remote where that is meant"
            )
        self.server = server

    def describe(self) -> Versions:
        """Return every version of the model.

        Raises:
            VersionsError: no server, or it does not have the model.
        """
        model = self.server.model
        try:
            described = self._get(f"models/{model}/all", list[Version])
        except _RefusedError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            has = ", ".join(m.model_name for m in self._get("models", _Models).models) or "none"
            raise VersionsError(
                f"{self.server.management} has no model {model}; it has {has}"
            ) from None
        versions = {version.model_version: version for version in described}
        default = self._get(f"models/{model}", list[Version])[0].model_version
        return Versions(default, dict(sorted(versions.items(), key=lambda item: _order(item[0]))))

    def register(self, archive: str, workers: int) -> None:
        """Register an archive of the model store, without waiting for its workers.

        Everything is said in the query: a JSON body would change the batch delay, and without a
        number of workers there might be none.
        """
        self._send(
            "POST",
            "models",
            {"url": archive, "initial_workers": workers, "synchronous": "false"},
        )

    def set_default(self, version: str) -> None:
        """Have requests that name no version answered by `version`, from the next one on."""
        self._send("PUT", f"models/{self.server.model}/{version}/set-default")

    def scale(self, version: str, workers: int) -> None:
        """Give a version so many workers, without waiting for them."""
        parameters = {"min_worker": workers, "max_worker": workers}
        self._send("PUT", f"models/{self.server.model}/{version}", parameters)

    def unregister(self, version: str) -> None:
        """Remove a version and its workers. What they work on and what waits is never answered.

        The archive stays: TorchServe deletes only what it once downloaded from an address.
        """
        self._send("DELETE", f"models/{self.server.model}/{version}")

    def _get(self, path: str, kind: type[T]) -> T:
        body = self._send("GET", path)
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            url = f"{self.server.management}/{path}"
            raise VersionsError(f"{url} is not TorchServe's management API: {error}") from None

    def _send(
        self, method: str, path: str, parameters: Mapping[str, str | int] | None = None
    ) -> bytes:
        url = f"{self.server.management}/{path}"
        # A connection of its own for each request: one that is used again may just be closing.
        with requests.Session() as session:
            # No proxy knows this machine's loopback.
            session.trust_env = False
            session.headers["Connection"] = "close"
            return self._answer(session, requests.Request(method, url, params=parameters))

    def _answer(self, session: requests.Session, request: requests.Request) -> bytes:
        url = request.url
        try:
            answer = session.send(
                session.prepare_request(request), timeout=TIMEOUT, allow_redirects=False
            )
        except requests.Timeout:
            raise VersionsError(f"{url} did not answer within {TIMEOUT:.0f} s") from None
        except requests.RequestException:
            raise VersionsError(
                f"no server answers at {self.server.management}: start it with make serve, "
                "or name another with MANAGEMENT_URL"
            ) from None
        if answer.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            raise _RefusedError(url, answer)
        return answer.content


def _message(answer: requests.Response) -> str:
    """Return the sentence of TorchServe's error, or what came in its place."""
    try:
        text = msgspec.json.decode(answer.content, type=_Failure).message
    except (msgspec.MsgspecError, UnicodeDecodeError):
        text = answer.text
    return " ".join(text.split()) or answer.reason


def _order(version: str) -> list[tuple[int, str]]:
    """Sort 10.0 after 9.0."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in version.split(".")]


def is_loopback(url: str) -> bool:
    """Say whether an address is on this machine's loopback. Names other than localhost are not."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
