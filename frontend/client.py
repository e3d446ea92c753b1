"""A client of the inference API, whose errors have messages for the user.

Lists of numbers are sent in the format of the Open Inference Protocol V2: its responses contain the
model's version, and their datatype shows whether the numbers are exact integers.
"""

import re
import time
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import quote

import google.oauth2.id_token
import numpy as np
import orjson
import urllib3
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.urllib3 import AuthorizedHttp
from google.auth.transport.urllib3 import Request as GoogleRequest
from urllib3.exceptions import HTTPError, ReadTimeoutError

from frontend import errors
from frontend.errors import ApiError, State
from frontend.model import JSON, Model, Request, parse
from frontend.settings import Settings

# TorchServe treats any slash, escaped or not, as the end of the version.
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]*")
# A small request can have a response of any size.
MAX_RESPONSE_BYTES = 32 * 2**20
# What a response that does not follow the protocol raises.
_OTHER_FORMAT = (ValueError, LookupError, TypeError, AttributeError, OverflowError)
# Seconds. A prediction may wait in the server's queue, or for a server that starts on demand; the
# user waits for the page while its state is checked.
CALL_TIMEOUT = urllib3.Timeout(connect=5, read=60)
STATE_TIMEOUT = urllib3.Timeout(connect=1, read=2)


# Seconds before each retry after 503 (a full queue, or a worker that is being replaced) or a lost
# connection. A prediction changes nothing on the server, so it can be repeated. A 4xx would only
# repeat itself, and the wait of a timeout was long already.
RETRY_SECONDS = (0, 0.4, 0.8, 1.6)


@dataclass(frozen=True, eq=False)
class Output:
    """One output of a response.

    Attributes:
        datatype: as named in the V2 protocol; "JSON" for other JSON; otherwise a content type.
        values: numbers: a flat array of int64, uint64 or float64, to be reshaped to `shape`; other
            JSON: as parsed; another content type: bytes.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: np.ndarray | Any


@dataclass(frozen=True, eq=False)
class Response:
    """The model's response to a request.

    Attributes:
        outputs: at least one.
        version: the version of the model that the response came from.
        seconds: duration of the call, including retries and waits.
        asked: the version in the request; None is the default.
    """

    outputs: tuple[Output, ...]
    version: str
    seconds: float
    request: Request
    asked: str | None

    @property
    def values(self) -> np.ndarray:
        """The numbers of the first output."""
        return cast("np.ndarray", self.outputs[0].values)


def predictions_url(settings: Settings, version: str | None) -> str:
    """Return the URL for predictions of a version; None is the server's default version."""
    url = f"{settings.url}/predictions/{settings.model}"
    return url if version is None else f"{url}/{quote(version, safe='')}"


class Client:
    """Client of the inference API; thread-safe."""

    def __init__(self, settings: Settings) -> None:
        """Prepare without connecting to the API.

        With `id_token`, google-auth fetches a token from the metadata server (or with the service
        account of GOOGLE_APPLICATION_CREDENTIALS), and renews it, or ApiError is raised.
        """
        self._settings = settings
        # As many connections as Streamlit runs scripts concurrently on a small machine.
        pool = urllib3.PoolManager(maxsize=16, timeout=CALL_TIMEOUT)
        self._http: urllib3.PoolManager | AuthorizedHttp = pool
        if settings.id_token:
            try:
                identity = google.oauth2.id_token.fetch_id_token_credentials(
                    settings.url, GoogleRequest(pool)
                )
            except GoogleAuthError as error:
                raise errors.no_response(error, settings) from error
            # No refresh status: a 4xx is not retried.
            self._http = AuthorizedHttp(identity, pool, refresh_status_codes=())

    def infer(self, request: Request, version: str | None = None) -> Response:
        """Return the response to a request of any format that the API takes, or raise ApiError.

        That to a list of numbers has as many.
        """
        url, count = predictions_url(self._settings, version), request.values
        body, kind, seconds = self._call(url, request, version)
        try:
            outputs, named = _outputs(body, kind)
            if count is not None and not (
                named and isinstance(outputs[0].values, np.ndarray)
                and len(outputs[0].values) == len(count)
            ):  # fmt: skip
                raise ValueError(f"not {len(count)} numbers")
        except _OTHER_FORMAT as error:
            raise errors.not_the_api(url, str(error)) from error
        kept = request if count is None else replace(request, body=b"")
        return Response(outputs, named or version or "default", seconds, kept, version)

    def versions(self) -> tuple[str, ...]:
        """Return the versions of the model that the server has; none if it does not list them."""
        url = f"{self._settings.url}/v2/repository/index"
        try:
            found = orjson.loads(self._call(url, Request(b"{}"), None, quick=True)[0])
            return tuple(each["version"] for each in found if each["name"] == self._settings.model)
        except (ApiError, *_OTHER_FORMAT):
            return ()

    def metadata(self, version: str | None = None, known: Model | None = None) -> Model | None:
        """Return the model's metadata (None: the server has none), or raise ApiError.

        Like a prediction, but without retries, the request passes through the queue and a worker.
        The readiness route is no substitute: it does not show that the queue is full. `known` is
        earlier metadata, so that a failure is none of a model without metadata.
        """
        base, path = self._settings.url, f"/versions/{quote(version, safe='')}" if version else ""
        # The only route without a version that passes its query on to the model.
        url = f"{base}/invocations?model_name={self._settings.model}&metadata=1"
        if version is not None:
            url = f"{predictions_url(self._settings, version)}/metadata"
        try:
            return parse(orjson.loads(self._call(url, None, version, quick=True)[0]))
        except ApiError as error:
            if error.state is not State.INVALID_INPUT:
                if known or error.state not in (State.FAILED, State.BUSY):
                    raise
                # A model with a handler of its own fails here, although it is ready.
                url = f"{base}/v2/models/{self._settings.model}{path}/ready"
                self._call(url, None, version, quick=True)
            return None
        except _OTHER_FORMAT:
            return None

    def _call(
        self, url: str, request: Request | None, version: str | None, *, quick: bool = False
    ) -> tuple[bytes, str, float]:
        """Return body, content type and duration in seconds of a response with status 200.

        Without a request, it is a GET. Any other status raises ApiError.
        """
        if version is not None and not _VERSION.fullmatch(version):
            raise errors.unknown_version(version)
        begin = time.perf_counter()
        for pause in (*(() if quick else RETRY_SECONDS), None):
            try:
                status, content, kind = self._send(url, request, quick=quick)
                if status != 503 or pause is None:  # noqa: PLR2004
                    break
            except (HTTPError, GoogleAuthError) as error:
                if pause is None or isinstance(error, ReadTimeoutError | GoogleAuthError):
                    raise errors.no_response(error, self._settings) from error
            time.sleep(pause)
        if len(content) > MAX_RESPONSE_BYTES:
            limit = f"The response is larger than {MAX_RESPONSE_BYTES // 2**20} MiB"
            raise ApiError(State.FAILED, f"{limit}, the most that the page can show.")
        if status != 200:  # noqa: PLR2004 (the only successful status)
            values = request.values if request else None
            raise errors.refused(status, content, values, version, self._settings)
        return content, kind, time.perf_counter() - begin

    def _send(self, url: str, request: Request | None, *, quick: bool) -> tuple[int, bytes, str]:
        """Return status, body (at most one byte more than the limit) and content type."""
        response = self._http.request(
            "POST" if request else "GET",
            url,
            request.body if request else None,
            headers={"Content-Type": request.content_type} if request else {},
            retries=False,
            redirect=False,
            timeout=STATE_TIMEOUT if quick else CALL_TIMEOUT,
            preload_content=False,
        )
        content = response.read(MAX_RESPONSE_BYTES + 1)
        if len(content) > MAX_RESPONSE_BYTES:
            response.close()
        response.release_conn()
        kind = response.headers.get("Content-Type", "").partition(";")[0]
        return response.status, content, kind


def _outputs(body: bytes, kind: str) -> tuple[tuple[Output, ...], str | None]:
    """Return the outputs of a response, and the version if it is named (in V2)."""
    found = orjson.loads(body) if kind in ("", JSON) else body
    if isinstance(found, dict) and "outputs" in found and "model_version" in found:
        outputs = tuple(map(_tensor, found["outputs"]))
        if not isinstance(found["model_version"], str) or not outputs:
            raise TypeError("no version or no output")
        return outputs, found["model_version"]
    if isinstance(found, dict) and found.keys() == {"predictions"}:
        found = found["predictions"]
    # An output each, or whatever the model's own code returns.
    if not (isinstance(found, dict) and any(isinstance(each, list) for each in found.values())):
        found = {"output": found}
    return tuple(_plain_output(name, value, kind) for name, value in found.items()), None


def _tensor(found: Any) -> Output:  # noqa: ANN401 (any JSON)
    datatype, values = str(found["datatype"]), found["data"]
    if "INT" in datatype or datatype.startswith(("FP", "BF")):
        number = "u8" if datatype == "UINT64" else "i8" if "INT" in datatype else "f8"
        values = np.array(values, number).ravel()
    return Output(str(found["name"]), datatype, tuple(map(int, found["shape"])), values)


def _plain_output(name: str, value: Any, kind: str) -> Output:  # noqa: ANN401 (any JSON)
    """Return an output of a response that is not V2, which has neither datatype nor shape."""
    try:
        values = np.array(value)
    except ValueError:  # lists of different lengths
        values = np.empty(0, object)
    if values.dtype.kind not in "iuf":
        return Output(name, kind if isinstance(value, bytes) else "JSON", (), value)
    datatype = "FP64" if values.dtype.kind == "f" else "INT64"
    return Output(name, datatype, values.shape, values.ravel())
