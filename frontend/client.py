"""A client of the inference API, whose errors have messages for the user.

Requests have the format of the Open Inference Protocol V2: its responses contain the model's
version, and their datatype shows whether the numbers are exact integers.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote

import numpy as np
import orjson
import simdjson
import urllib3
from google.auth.exceptions import GoogleAuthError

from frontend import errors, model, transport
from frontend.errors import ApiError
from frontend.model import Model
from frontend.settings import Settings

# TorchServe treats any slash, escaped or not, as the end of the version.
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]*")
# A small request can have a response of any size.
MAX_RESPONSE_BYTES = 32 * 2**20
# Where a V2 response names its parts.
_HEAD_BYTES = 1000
_JSON = {"Content-Type": "application/json"}
# What simdjson and dict look-ups raise if a response does not follow the protocol.
_OTHER_FORMAT = (ValueError, LookupError, TypeError, RuntimeError, AttributeError)


@dataclass(frozen=True, eq=False)
class Output:
    """One output tensor of a response.

    Attributes:
        values: a flat array of int64, uint64 or float64, to be reshaped to `shape`; a list if they
            are not numbers.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: np.ndarray | list[Any]


@dataclass(frozen=True, eq=False)
class Response:
    """The model's response.

    Attributes:
        outputs: at least one.
        version: the version of the model that the response came from.
        seconds: duration of the call, including retries and waits.
    """

    outputs: tuple[Output, ...]
    version: str
    seconds: float

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
        """Prepare without connecting to the API; with `id_token`, look up this machine's identity.

        Raises:
            ApiError: an ID token is required and this machine has no identity.
        """
        self._settings = settings
        try:
            self._http = transport.connect(settings)
        except GoogleAuthError as error:
            raise errors.no_identity(error) from error

    def predict(
        self, values: np.ndarray, version: str | None = None, model: Model | None = None
    ) -> Response:
        """Return the model's response to a list of numbers: one number for each.

        Args:
            values: 1-D, int64 or float64.
            version: the model's version; None is the server's default.
            model: the model's metadata; None if the server has none.

        Raises:
            ApiError: the API refuses the numbers, or fails.
        """
        return self._numbers(values, version, model, quick=False)

    def probe(self, version: str | None = None, model: Model | None = None) -> Response:
        """Send a prediction without numbers, with a short timeout and no retries.

        Like any prediction, it passes through the queue and a worker. The server's readiness route
        is no substitute: it requires a version and does not show that the queue is full.

        Raises:
            ApiError: as in `predict`.
        """
        none = np.empty(0, np.int64)
        return self._numbers(none, version, model, quick=True)

    def infer(self, request: bytes, version: str | None = None) -> Response:
        """Return the model's response to a request of any format that the server accepts.

        Raises:
            ApiError: the API refuses the request, or fails.
        """
        url = predictions_url(self._settings, version)
        body, seconds = self._call(url, request, version)
        if b'"outputs"' in body[:_HEAD_BYTES] and b'"model_version"' in body[:_HEAD_BYTES]:
            return self._response(url, body, seconds)
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise errors.not_the_api(url, str(error)) from error
        if isinstance(found, dict) and found.keys() == {"predictions"}:
            found = found["predictions"]
        named = found if isinstance(found, dict) and found else {"output": found}
        outputs = tuple(_plain_output(name, value) for name, value in named.items())
        return Response(outputs, version or "default", seconds)

    def metadata(self, version: str | None = None) -> Model | None:
        """Return the model's metadata; None if the server has none.

        Like a prediction, the request passes through the queue and a worker, so it also shows that
        a model responds that does not take a list of numbers.

        Raises:
            ApiError: the API fails.
        """
        if version is None:
            # The only route without a version that passes its query on to the model.
            url = f"{self._settings.url}/invocations?model_name={self._settings.model}&metadata=1"
        else:
            url = f"{predictions_url(self._settings, version)}/metadata"
        try:
            body, _ = self._call(url, None, version, quick=True)
            return model.parse(orjson.loads(body))
        except ApiError as error:
            if error.state is errors.State.INVALID_INPUT:
                return None
            raise
        except _OTHER_FORMAT:
            return None

    def _numbers(
        self, values: np.ndarray, version: str | None, model: Model | None, *, quick: bool
    ) -> Response:
        url = predictions_url(self._settings, version)
        body, seconds = self._call(
            url, _request(values, model), version, quick=quick, values=values
        )
        response = self._response(url, body, seconds)
        found = response.outputs[0].values
        if isinstance(found, list) or len(found) != len(values):
            raise errors.not_the_api(url, f"not {len(values)} numbers")
        return response

    def _call(
        self,
        url: str,
        body: bytes | None,
        version: str | None,
        *,
        quick: bool = False,
        values: np.ndarray | None = None,
    ) -> tuple[bytes, float]:
        """Return the body of a response with status 200, and the duration in seconds.

        Args:
            url: the URL.
            body: the body to send; None sends a GET.
            version: the version in the URL; None is the default.
            quick: whether to use a short timeout and no retries.
            values: the numbers in the body, for error messages.

        Raises:
            ApiError: the API refuses the request, or fails.
        """
        if version is not None and not _VERSION.fullmatch(version):
            raise errors.unknown_version(version)
        begin = time.perf_counter()
        try:
            status, content = self._read(url, body, quick=quick)
        except (urllib3.exceptions.HTTPError, GoogleAuthError) as error:
            raise errors.no_response(error, self._settings) from error
        if len(content) > MAX_RESPONSE_BYTES:
            raise errors.response_too_large(MAX_RESPONSE_BYTES)
        if status != 200:  # noqa: PLR2004 (the only successful status)
            raise errors.refused(status, content, values, version, self._settings)
        return content, time.perf_counter() - begin

    def _read(self, url: str, body: bytes | None, *, quick: bool) -> tuple[int, bytes]:
        """Return a response's status and body, at most `MAX_RESPONSE_BYTES` and one byte of it."""
        for last in (quick, True):
            response = self._http.request(
                "GET" if body is None else "POST",
                url,
                body,
                headers=_JSON,
                retries=transport.NO_RETRY if quick else transport.CALL_RETRY,
                timeout=transport.STATE_TIMEOUT if quick else transport.CALL_TIMEOUT,
                preload_content=False,
            )
            try:
                content = response.read(MAX_RESPONSE_BYTES + 1)
            except urllib3.exceptions.ProtocolError:
                # The response was cut off: retry once, as for a connection that is dropped earlier.
                if last:
                    raise
            else:
                if len(content) > MAX_RESPONSE_BYTES:
                    response.close()
                response.release_conn()
                return response.status, content
        raise AssertionError("the last attempt returns or raises")

    def _response(self, url: str, body: bytes, seconds: float) -> Response:
        try:
            found = cast("simdjson.Object", simdjson.Parser().parse(body))
            outputs = tuple(_output(output) for output in cast("Any", found["outputs"]))
            version = found["model_version"]
            if not isinstance(version, str) or not outputs:
                raise TypeError("no version or no output")
        except _OTHER_FORMAT as error:
            raise errors.not_the_api(url, str(error)) from error
        return Response(outputs, version, seconds)


def _request(values: np.ndarray, model: Model | None) -> bytes:
    """Return the request, in a datatype that fits the numbers and that the model takes."""
    kind = "INT64" if values.dtype.kind == "i" else "FP64"
    tensor = model.inputs[0] if model else None
    if tensor and kind not in tensor.datatypes:
        kind = "FP64" if "FP64" in tensor.datatypes else tensor.datatypes[0]
    found = {
        "name": tensor.name if tensor else "input",
        "shape": [len(values)],
        "datatype": kind,
        "data": values,
    }
    return orjson.dumps({"inputs": [found]}, option=orjson.OPT_SERIALIZE_NUMPY)


def _plain_output(name: str, value: Any) -> Output:  # noqa: ANN401 (any JSON)
    """Return an output of a response that is not V2, which has neither datatype nor shape."""
    try:
        values = np.array(value)
    except ValueError:  # lists of different lengths
        values = np.empty(0, object)
    if values.dtype.kind not in "iuf":
        elements = value if isinstance(value, list) else [value]
        return Output(name, "JSON", (len(elements),), elements)
    return Output(
        name, "FP64" if values.dtype.kind == "f" else "INT64", values.shape, values.ravel()
    )


def _output(found: Any) -> Output:  # noqa: ANN401 (any JSON)
    """Return one output, without creating a Python object per number."""
    datatype, data = str(found["datatype"]), found["data"]
    shape = tuple(map(int, found["shape"]))
    if "INT" in datatype or datatype.startswith(("FP", "BF")):
        kind = "u" if datatype == "UINT64" else "i" if "INT" in datatype else "d"
        values: np.ndarray | list[Any] = np.frombuffer(
            data.as_buffer(of_type=kind), f"{kind}8".replace("d", "f")
        )
    else:
        values = data.as_list()
    return Output(str(found["name"]), datatype, shape, values)
