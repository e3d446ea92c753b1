"""A client of TorchServe's three APIs (inference, management, metrics).

All programs of this project send their requests to a running server through this module. It needs
only the standard library and msgspec, because the server's image contains nothing else, and never
uses a proxy: the servers are on this machine or on an operator's own network.
"""

import http.client
import ipaddress
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

# A registration unpacks the archive before the response; everything else takes milliseconds.
TIMEOUT_SECONDS = 60.0
READY_SECONDS = 1.0
JSON = "application/json"
T = TypeVar("T")


def is_loopback(url: str) -> bool:
    """Return whether `url` is on loopback. Of host names, only localhost is."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class ClientError(Exception):
    """A request to a server failed; the message says why in one line.

    ClientError
    ├── Unreachable       no response
    ├── Refused           a response whose status is not 2xx
    │   └── UnknownModel  the management API does not have the model
    └── NotTorchServe     a response that TorchServe would not send
    """


class Unreachable(ClientError):  # noqa: N818 (says what the server is)
    """No response came."""


class Refused(ClientError):  # noqa: N818 (says what the server did)
    """The server responded with an error.

    Attributes:
        status: the response's HTTP status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class UnknownModel(Refused):
    """The management API does not have the model."""


class NotTorchServe(ClientError):  # noqa: N818 (says what the server is)
    """The response is not one of TorchServe's."""


class Addresses(NamedTuple):
    """A model's name, and the URLs of its server's three APIs without a path."""

    model: str
    inference: str
    management: str
    metrics: str


class Response(NamedTuple):
    """An HTTP response."""

    status: int
    body: bytes


class WorkerInfo(msgspec.Struct, rename="camel"):
    """A worker process. TorchServe's status for one that is loading or dead is UNLOADING."""

    id: str
    pid: int
    status: str
    start_time: datetime

    @property
    def ready(self) -> bool:
        """Whether it has loaded the model."""
        return self.status == "READY"


class Queue(msgspec.Struct, rename="camel"):
    """Requests that wait for a worker."""

    pending_requests: int


class VersionInfo(msgspec.Struct, rename="camel"):
    """What the management API returns for one version. Timeouts are in seconds."""

    model_name: str
    model_version: str
    model_url: str
    min_workers: int
    batch_size: int
    max_batch_delay: int
    response_timeout: int
    startup_timeout: int
    workers: list[WorkerInfo]
    job_queue_status: Queue

    @property
    def ready(self) -> int:
        """How many workers have loaded the model."""
        return sum(worker.ready for worker in self.workers)

    @property
    def loaded(self) -> datetime | None:
        """When the first of its workers started; None without workers."""
        return min((worker.start_time for worker in self.workers), default=None)


class _Failure(msgspec.Struct):
    message: str = ""


class _Model(msgspec.Struct, rename="camel"):
    model_name: str


class _Models(msgspec.Struct, rename="camel"):
    models: list[_Model]
    next_page_token: str | None = None


class Client:
    """Sends requests to one server, about one model. Each request has a connection of its own."""

    def __init__(self, target: Addresses) -> None:
        """Prepare to talk to `target`; nothing is sent yet."""
        self.target = target

    def of(self, model: str) -> "Client":
        """Return a client of another model of the same server."""
        return Client(self.target._replace(model=model))

    def models(self, timeout: float = TIMEOUT_SECONDS) -> list[str]:
        """Return the names of all models of the server, in alphabetical order.

        Raises:
            ClientError: no response, or not TorchServe's.
        """
        found: list[str] = []
        page: str | None = "0"
        while page is not None:
            listed = self._get(f"models?next_page_token={page}", _Models, timeout)
            found += [model.model_name for model in listed.models]
            page = listed.next_page_token
        return sorted(found)

    def predict(
        self, version: str, body: bytes, timeout: float, content_type: str = JSON
    ) -> Response:
        """Send a prediction request to `version` and return the response, whatever its status.

        Raises:
            Unreachable: no response within `timeout` seconds.
        """
        return send("POST", self._prediction_url(version), timeout, body, content_type)

    def metadata(self, version: str, timeout: float = TIMEOUT_SECONDS) -> dict[str, Any]:
        """Return what `version` takes and returns, in the shape of the Open Inference Protocol.

        Raises:
            Refused: the version is not registered, or its handler has no metadata.
            ClientError: no response, or no JSON.
        """
        url = f"{self._prediction_url(version)}/metadata"
        return _decode(url, _checked("GET", url, timeout), dict[str, Any], "a model's metadata")

    def is_ready(self, version: str, timeout: float = READY_SECONDS) -> bool:
        """Return whether a worker of `version` has loaded the model and responds.

        TorchServe's own /ping is 200 long before that, and without any model.
        """
        try:
            url = f"{self._prediction_url(version)}/ready"
            return send("GET", url, timeout).status == HTTPStatus.OK
        except Unreachable:
            return False

    def versions(self, timeout: float = TIMEOUT_SECONDS) -> dict[str, VersionInfo]:
        """Return every registered version of the model, in ascending order.

        Raises:
            UnknownModel: the server does not have the model; the message names those it has.
            ClientError: no response, or not TorchServe's.
        """
        described = self._get(f"models/{self.target.model}/all", list[VersionInfo], timeout)
        found = {version.model_version: version for version in described}
        return dict(sorted(found.items(), key=lambda item: _order(item[0])))

    def all_versions(self, timeout: float = TIMEOUT_SECONDS) -> Iterator[VersionInfo]:
        """Yield every version of every model of the server.

        Raises:
            ClientError: as for `versions`.
        """
        for model in self.models(timeout):
            yield from self.of(model).versions(timeout).values()

    def default_version(self, timeout: float = TIMEOUT_SECONDS) -> str:
        """Return the version that requests without a version go to.

        Raises:
            ClientError: as for `versions`.
        """
        described = self._get(f"models/{self.target.model}", list[VersionInfo], timeout)
        return described[0].model_version

    def register(self, archive: str, workers: int) -> None:
        """Register an archive of the model store, without waiting for its workers.

        All parameters go into the query: TorchServe misreads the batch delay of a JSON body, and
        starts no worker unless it is given a number.
        """
        query = urlencode({"url": archive, "initial_workers": workers, "synchronous": "false"})
        self._manage("POST", f"models?{query}")

    def set_default(self, version: str) -> None:
        """Route requests without a version to `version`, from the next one on."""
        self._manage("PUT", f"models/{self.target.model}/{version}/set-default")

    def scale(self, version: str, workers: int) -> None:
        """Set the number of workers of a version, without waiting for them."""
        query = f"min_worker={workers}&max_worker={workers}"
        self._manage("PUT", f"models/{self.target.model}/{version}?{query}")

    def unregister(self, version: str) -> None:
        """Remove a version and its workers. Requests that it still has get no response.

        The archive stays: TorchServe deletes only archives that it has downloaded from a URL.
        """
        self._manage("DELETE", f"models/{self.target.model}/{version}")

    def metrics(self, timeout: float = TIMEOUT_SECONDS) -> str:
        """Return the metrics in Prometheus' text format.

        Raises:
            ClientError: no response, or an error.
        """
        return _checked("GET", f"{self.target.metrics}/metrics", timeout).decode(errors="replace")

    def _prediction_url(self, version: str) -> str:
        return f"{self.target.inference}/predictions/{self.target.model}/{version}"

    def _get(self, path: str, kind: type[T], timeout: float) -> T:
        try:
            body = self._manage("GET", path, timeout)
        except Refused as error:
            if error.status != HTTPStatus.NOT_FOUND or path.startswith("models?"):
                raise
            known = ", ".join(self.models()) or "none"
            message = f"{self.target.management} has no model {self.target.model}; it has {known}"
            raise UnknownModel(message, error.status) from None
        url = f"{self.target.management}/{path}"
        return _decode(url, body, kind, "TorchServe's management API")

    def _manage(self, method: str, path: str, timeout: float = TIMEOUT_SECONDS) -> bytes:
        return _checked(method, f"{self.target.management}/{path}", timeout)


def send(
    method: str, url: str, timeout: float, body: bytes | None = None, content_type: str = JSON
) -> Response:
    """Send one HTTP request and return the response. Redirects are not followed.

    Args:
        method: the HTTP method.
        url: an http:// or https:// URL.
        timeout: seconds to wait for the connection and for each piece of the response.
        body: the body; none by default.
        content_type: its type.

    Raises:
        Unreachable: no response within `timeout` seconds.
    """
    headers = {"Content-Type": content_type} if body is not None else {}
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 (see _OPENER)
    try:
        with _OPENER.open(request, timeout=timeout) as response:
            return Response(response.status, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Response(error.code, error.read())
    except (OSError, http.client.HTTPException) as error:
        # urllib wraps what fails before the response in a URLError.
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            raise Unreachable(f"{url} did not respond within {timeout:g} s") from None
        reason = getattr(reason, "strerror", None) or reason
        raise Unreachable(f"no server responds at {url}: {reason}") from None


# HTTP alone: no proxies, no redirects, no file: URLs.
_OPENER = urllib.request.OpenerDirector()
for _handler in (
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPErrorProcessor,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.UnknownHandler,
):
    _OPENER.add_handler(_handler())


def _decode(url: str, body: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NotTorchServe(f"{url} is not {what}: {error}") from None


def _checked(method: str, url: str, timeout: float) -> bytes:
    """Send a request and return the body of the response; raise Refused if it is an error."""
    response = send(method, url, timeout)
    if response.status < HTTPStatus.MULTIPLE_CHOICES:
        return response.body
    # The sentence of TorchServe's error, or what came in its place.
    try:
        text = msgspec.json.decode(response.body, type=_Failure).message
    except (msgspec.MsgspecError, UnicodeDecodeError):
        text = response.body.decode(errors="replace")
    reason = " ".join(text.split()) or HTTPStatus(response.status).phrase
    raise Refused(f"TorchServe refused: {response.status} {reason} ({url})", response.status)


def _order(version: str) -> list[tuple[int, str]]:
    """Sort 10.0 after 9.0."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in version.split(".")]
