"""TorchServe's contract: a batch of requests in, a list of answers of the same length out.

Each request gets its own status. Knows the wire format and the model, nothing of HTTP servers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import torch

import batch_io
from answers import LAST_OF_STREAM, Answer, failure
from in_flight import InFlight
from model import Model, ModelError, read_settings
from wire import parse, v2
from wire.arrays import Array
from wire.errors import RequestError
from wire.request import Request

if TYPE_CHECKING:
    from ts.context import Context

logger = logging.getLogger(__name__)


TYPE = "content-type"


class TensorHandler:
    """Serves any TorchScript module from 1-D tensor to 1-D tensor over the wire format."""

    def initialize(self, context: Context) -> None:
        """Load the model that the archive holds and warm it up.

        Args:
            context: TorchServe's; names the model's directory, the manifest, model-config.yaml's
                content and the GPU that this worker is to use, if any.

        Raises:
            ValueError: model-config.yaml does not fit the model. The worker does not start then.
        """
        properties, manifest = context.system_properties, context.manifest["model"]
        gpu = properties.get("gpu_id")
        on_gpu = gpu is not None and torch.cuda.is_available()
        self.name: str = context.model_name
        self.version: str = manifest["modelVersion"]
        self._model = Model(
            Path(properties["model_dir"]) / manifest["serializedFile"],
            read_settings(context.model_yaml_config or {}),
            torch.device(f"cuda:{gpu}" if on_gpu else "cpu"),
        )
        self._bounds = self._model.settings.bounds
        self._in_flight = InFlight()
        logger.info("Model %s %s is loaded on %s", self.name, self.version, self._model.device)
        batch_io.install(self.answer)
        # The worker's own lines, one or more for each batch, go through a pipe that TorchServe
        # reads line by line. Its metrics are counted in TorchServe already.
        logging.getLogger().setLevel(logging.WARNING)

    def handle(self, data: Sequence[Mapping[str, Any]], context: Context) -> list[bytes]:
        """Answer a batch.

        Args:
            data: one mapping per request, from TorchServe: the raw body under `body`, or a
                multipart form's fields.
            context: TorchServe's; holds each request's headers and takes each answer's status.

        Returns:
            One JSON document per request, in order. Nothing that a request holds raises.
        """
        headers = [context.get_all_request_header(i) for i in range(len(data))]
        answers = self.answer(data, headers)
        for i, answer in enumerate(answers):
            context.set_response_content_type(i, "application/json")
            for name, value in () if headers[i] else LAST_OF_STREAM.items():
                context.set_response_header(i, name, value)
            if answer.status is not HTTPStatus.OK:
                # TorchServe writes no reason phrase of its own for a status that a handler sets.
                context.set_response_status(code=answer.status, phrase=answer.status.phrase, idx=i)
        return [answer.body for answer in answers]

    def answer(
        self, data: Sequence[Mapping[str, Any]], headers: Sequence[Mapping[str, Any]]
    ) -> list[Answer]:
        """Answer a batch: fields and headers of each request in, an answer for each out."""
        with self._in_flight:
            read = [self._read(*request) for request in zip(data, headers, strict=True)]
            arrays = [a for slot in read if not isinstance(slot, Answer) for a in slot.arrays]
            outputs = iter(self._model(arrays))
            return [
                slot if isinstance(slot, Answer) else self._answer(slot, outputs) for slot in read
            ]

    def describe_handle(self) -> dict[str, object]:
        """Return what the model takes and gives, for people and tools."""
        settings = self._model.settings
        return {
            "name": self.name,
            "version": self.version,
            "device": str(self._model.device),
            "dtypes": settings.dtypes,
            "elementwise": settings.elementwise,
            "integers": {"minimum": self._bounds.minimum, "maximum": self._bounds.maximum},
            "input": {"shape": [-1], "datatypes": [*v2.INTEGERS, *v2.FLOATS]},
            "output": {"shape": [-1], "name": "output"},
            "forms": ["[number, ...]", '{"instances": [...]}', '{"inputs": [...]}'],
        }

    def _read(self, fields: Mapping[str, Any], headers: Mapping[str, Any]) -> Request | Answer:
        """Return what the model is to be asked, or the answer where it need not be."""
        try:
            special = self._special(headers)
            return special or parse.parse(_body(fields, headers), self._bounds)
        except RequestError as error:
            better = _unreadable(headers) if error.status == HTTPStatus.BAD_REQUEST else None
            return failure(better or error, v2=_meant_v2(fields))

    def _special(self, headers: Mapping[str, Any]) -> Answer | None:
        """Answer what is no prediction: a description, readiness. None for a prediction."""
        if headers.get("describe") == "True":
            return Answer(orjson.dumps(self.describe_handle()))
        path = headers.get("url_path", "")
        if path == "ready":
            ready = {"name": self.name, "version": self.version, "ready": True}
            return Answer(orjson.dumps(ready))
        if path or headers.get("explain") == "True":
            what = f"path {path}" if path else "explanations"
            raise RequestError(f"The model {self.name} has no {what}", 404, "NotFound")
        return None

    def _answer(self, request: Request, outputs: Iterator[Array | ModelError]) -> Answer:
        """Answer a request with as many of `outputs` as it has arrays."""
        own = [next(outputs) for _ in request.arrays]
        try:
            arrays = [_array(output) for output in own]
            return Answer(request.render(arrays, self))
        except RequestError as error:
            return failure(error, v2=isinstance(request, v2.Inference))


def _array(output: Array | ModelError) -> Array:
    if isinstance(output, ModelError):
        logger.warning("%s", output)
        raise RequestError(str(output), 500, "ModelError")
    return output


def _body(fields: Mapping[str, Any], headers: Mapping[str, Any]) -> bytes | bytearray:
    """Return the request's raw body, from wherever TorchServe put it."""
    # A header's name arrives with the client's casing; nearly always it is one of these.
    kind = headers.get("Content-Type") or headers.get("content-type")
    if kind is None:
        kind = next((value for name, value in headers.items() if name.lower() == TYPE), "")
    if kind.lower().startswith("application/x-www-form-urlencoded"):
        raise RequestError(
            "The body came form-encoded (what curl -d sends by itself): "
            "send it with the header Content-Type: application/json",
            415,
            "UnsupportedMediaType",
        )
    if "body" in fields and "data" in fields:
        raise RequestError(
            "Expected one form field named data or body, got both - at the multipart body"
        )
    body = fields.get("body", fields.get("data"))
    if body is None:
        raise RequestError("Expected a form field named data or body - at the multipart body")
    return body.encode() if isinstance(body, str) else body


def _unreadable(headers: Mapping[str, Any]) -> RequestError | None:
    """Return the error that says it better where a body was never meant to be read as JSON."""
    lower = {name.lower(): value for name, value in headers.items()}
    if "inference-header-content-length" in lower:
        what = (
            "The tensors came as binary data: send them as JSON, without the header "
            "Inference-Header-Content-Length (tritonclient: binary_data=False)"
        )
    elif lower.get("content-encoding", "identity").lower() != "identity":
        what = f"The body came with Content-Encoding: {lower['content-encoding']}: send it as it is"
    else:
        return None
    return RequestError(what, 415, "UnsupportedMediaType")


def _meant_v2(fields: Mapping[str, Any]) -> bool:
    body = fields.get("body", fields.get("data", b""))
    return isinstance(body, (bytes, bytearray)) and parse.is_v2(body)
