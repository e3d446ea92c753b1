"""TorchServe's contract: a batch of requests in, a list of answers of the same length out.

Each request gets its own status. Knows the wire format and the model, nothing of HTTP servers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, MutableSequence, Sequence
from http import HTTPStatus
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import torch

import batch_io
import forms
import settings
from answers import LAST_OF_STREAM, Answer, failure, success
from headers import JSON_SIZE, Headers
from in_flight import InFlight
from limits import Limits
from merging import Result
from model import Model
from module import ModelError
from wire import parse
from wire.errors import RequestError, model_failed, shorten, too_large
from wire.interface import Batch, Input
from wire.request import Outputs, Request

if TYPE_CHECKING:
    from ts.context import Context

logger = logging.getLogger(__name__)

# Bytes of bodies that are read, run and answered together. A larger request is handled alone, so
# that a worker holds what one of them takes and not what all of a batch take.
TOGETHER_BYTES = 1 << 20

Fields = Mapping[str, Any]
# In place of the fields of a request that is read: its body is dropped.
_ANSWERED: Fields = {}


class TensorHandler:
    """Serves any TorchScript module over the wire format."""

    def initialize(self, context: Context) -> None:
        """Load the model that the archive holds and warm it up.

        Args:
            context: TorchServe's; names the model's directory, the manifest, model-config.yaml's
                content and the GPU that this worker is to use, if any.

        Raises:
            ValueError: the model is not served, or model-config.yaml does not fit it. The worker
                does not start then.
        """
        properties, manifest = context.system_properties, context.manifest["model"]
        gpu = properties.get("gpu_id")
        on_gpu = gpu is not None and torch.cuda.is_available()
        self.name: str = context.model_name
        self.version: str = manifest["modelVersion"]
        self._model = Model(
            Path(properties["model_dir"]) / manifest["serializedFile"],
            settings.read(context.model_yaml_config or {}),
            torch.device(f"cuda:{gpu}" if on_gpu else "cpu"),
        )
        self.inputs: tuple[Input, ...] = self._model.inputs
        self.any_name = self._model.any_name
        self.batch: Batch = self._model.batch
        self.sample_error = self._model.sample_error
        self._limits = Limits.from_environment()
        self._in_flight = InFlight()
        logger.info("Model %s %s is loaded on %s", self.name, self.version, self._model.device)
        batch_io.install(self.answer)
        # The worker's own lines, one or more for each batch, go through a pipe that TorchServe
        # reads line by line. Its metrics are counted in TorchServe already.
        logging.getLogger().setLevel(logging.WARNING)

    def handle(self, data: Sequence[Fields], context: Context) -> list[bytes]:
        """Answer a batch.

        Args:
            data: one mapping per request, from TorchServe: the raw body under `body`, or a
                multipart form's fields.
            context: TorchServe's; holds each request's headers and takes each answer's status.

        Returns:
            One body per request, in order. Nothing that a request holds raises.
        """
        headers = [Headers(context.get_all_request_header(i).items()) for i in range(len(data))]
        answers = list(self.answer(list(data), headers))
        for i, answer in enumerate(answers):
            context.set_response_content_type(i, answer.content_type)
            own = dict(answer.headers) if headers[i] else LAST_OF_STREAM
            for name, value in own.items():
                context.set_response_header(i, name, value)
            if answer.status is not HTTPStatus.OK:
                # TorchServe writes no reason phrase of its own for a status that a handler sets.
                context.set_response_status(code=answer.status, phrase=answer.status.phrase, idx=i)
        return [answer.body for answer in answers]

    def answer(
        self, fields: MutableSequence[Fields], headers: Sequence[Headers]
    ) -> Iterator[Answer]:
        """Answer a batch, one request after the other.

        Args:
            fields: those of each request; they are dropped as they are answered.
            headers: those of each request, by their names in lower case.
        """
        with self._in_flight:
            start = size = 0
            for end, each in enumerate(fields):
                own = len(each.get("body") or each.get("data") or b"")
                if size and size + own > TOGETHER_BYTES:
                    yield from self._together(fields, headers, range(start, end))
                    start, size = end, 0
                size += own
            yield from self._together(fields, headers, range(start, len(fields)))

    def describe_handle(self) -> dict[str, object]:
        """Return what the model takes and gives, for people and tools, in the words of V2."""
        return {
            "name": self.name,
            "versions": [self.version],
            "platform": "pytorch_torchscript",
            **self._model.metadata(),
            "device": str(self._model.device),
        }

    def _together(
        self, fields: MutableSequence[Fields], headers: Sequence[Headers], members: range
    ) -> list[Answer]:
        """Answer requests whose calls of the model may be one."""
        read = []
        for i in members:
            read.append(self._read(fields[i], headers[i]))
            fields[i] = _ANSWERED
        results = self._run([each for each in read if not isinstance(each, Answer)])
        return [
            each if isinstance(each, Answer) else self._render(each, next(results)) for each in read
        ]

    def _read(self, fields: Fields, headers: Headers) -> Request | Answer:
        """Return what the model is to be asked, or the answer where it need not be."""
        try:
            if headers.plain and len(fields) == 1 and "body" in fields:
                body = fields["body"]
                self._limits.check_request(body)
                return parse.parse(body, self)
            return self._special(fields, headers) or self._parse(fields, headers)
        except RequestError as error:
            return failure(
                _encoded(headers) or error if error.status == HTTPStatus.BAD_REQUEST else error
            )
        except MemoryError:
            logger.warning("Out of memory while a request was read")
            return failure(too_large("The request takes more memory than there is"))
        except Exception as error:  # noqa: BLE001 (whatever a request raises is its own)
            # Not the message, which may repeat what was sent.
            logger.warning("A request could not be read: %s", type(error).__name__)
            return failure(RequestError("The request cannot be read"))

    def _parse(self, fields: Fields, headers: Headers) -> Request:
        body = forms.body(fields, headers)
        json_size = _json_size(headers, len(body)) if JSON_SIZE in headers else None
        self._limits.check_request(body, json_size)
        return parse.parse(body, self, json_size)

    def _run(self, requests: Sequence[Request]) -> Iterator[Sequence[Result]]:
        """Return the results of each request's calls."""
        try:
            results = self._model([call for request in requests for call in request.calls])
            ends = [*accumulate(len(request.calls) for request in requests)]
            return iter([results[start:end] for start, end in pairwise([0, *ends])])
        except Exception:  # noqa: BLE001 (found out below, for each request)
            return iter([self._alone(request) for request in requests])

    def _alone(self, request: Request) -> Sequence[Result]:
        try:
            return self._model(request.calls)
        except Exception as error:  # noqa: BLE001 (whatever a request raises is its own)
            return [ModelError(f"The model failed: {type(error).__name__}")] * len(request.calls)

    def _render(self, request: Request, results: Sequence[Result]) -> Answer:
        try:
            body = request.render(_outputs(results), self)
            self._limits.check_response(body.data)
            return success(body)
        except RequestError as error:
            if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                logger.warning("%s", error)
            return failure(error)
        except MemoryError:
            logger.warning("Out of memory while a request was answered")
            return failure(too_large("The answer takes more memory than there is"))
        except Exception as error:  # noqa: BLE001 (whatever a request raises is its own)
            logger.warning("A request could not be answered: %s", type(error).__name__)
            return failure(model_failed("The model's answer cannot be written"))

    def _special(self, fields: Fields, headers: Headers) -> Answer | None:
        """Answer what is no prediction: metadata, readiness. None for a prediction."""
        # TorchServe's own flags come as headers, among the client's. Its predictions have both of
        # these, set by itself, and its descriptions have no body.
        own = "url_path" in headers and "explain" in headers
        path = headers["url_path"] if own else ""
        described = headers.get("describe") == "True" and not fields
        if described or path == "metadata" or ("metadata" in fields and not fields.get("body")):
            return Answer(orjson.dumps(self.describe_handle()))
        if path == "ready":
            ready = {"name": self.name, "version": self.version, "ready": True}
            return Answer(orjson.dumps(ready))
        if path or (own and headers["explain"] == "True"):
            what = f"path {shorten(path)}" if path else "explanations"
            raise RequestError(f"The model {self.name} has no {what}", 404, "NotFound")
        return None


def _outputs(results: Sequence[Result]) -> Sequence[Outputs]:
    """Return the outputs of a request's calls; raise RequestError where the model failed."""
    outputs = [result for result in results if not isinstance(result, ModelError)]
    if len(outputs) < len(results):
        raise model_failed(next(str(each) for each in results if isinstance(each, ModelError)))
    return outputs


def _json_size(headers: Headers, size: int) -> int:
    """Return how many bytes of a body are JSON, where binary tensors follow."""
    value = headers[JSON_SIZE]
    digits = value if value.isascii() and value.isdigit() and len(value) <= len(str(size)) else ""
    if not digits or int(digits) > size:
        raise RequestError(
            f"Expected a number of at most {size} bytes, got {shorten(value)} "
            "- at the header Inference-Header-Content-Length"
        )
    return int(digits)


def _encoded(headers: Headers) -> RequestError | None:
    """Return the error that says it better where a body was not sent as it is."""
    encoding = headers.get("content-encoding", "identity")
    if encoding.lower() == "identity":
        return None
    return RequestError(
        f"The body came with Content-Encoding: {shorten(encoding)}: send it as it is",
        415,
        "UnsupportedMediaType",
    )
