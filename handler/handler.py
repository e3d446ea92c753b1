"""The handler that TorchServe calls: takes a batch of requests and returns a response for each.

Each response has its own status. The handler connects the wire format with the model and does not
depend on an HTTP server.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, MutableSequence, Sequence
from http import HTTPStatus
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch

import batch_io
import hooks
import settings
from answers import LAST_OF_STREAM, Answer, Answers, attempt, success
from headers import Headers
from in_flight import InFlight
from merging import Result
from model import Model
from module import ModelError
from reading import Fields, Reader
from wire import limits
from wire.errors import model_failed
from wire.interface import Outputs, Request

if TYPE_CHECKING:
    from ts.context import Context

logger = logging.getLogger(__name__)

# Maximum total size in bytes of the bodies that are processed together. A larger request is
# processed alone, so that a worker needs memory for one large request and not for a batch of them.
TOGETHER_BYTES = 1 << 20
# If the requests of a batch cannot share a call of the model, responses are passed on at these
# intervals: often enough not to wait noticeably for slower requests, but not each by itself.
READY_SECONDS = 0.001
# Without any response for this long, TorchServe is told that the worker is not hanging.
ALIVE_SECONDS = 1.0

# Replaces the fields of a request after it was parsed, so that its body can be freed.
_ANSWERED: Fields = {}
_UNWRITABLE = model_failed("The model's answer cannot be written")


class TensorHandler:
    """Serves any TorchScript module or .pt2 program over the wire format."""

    def initialize(self, context: Context) -> None:
        """Load the model from the archive and warm it up.

        Args:
            context: TorchServe's context: the model's directory, the manifest, the content of
                model-config.yaml, and the GPU for this worker, if any.

        Raises:
            ValueError: the model is not supported, or model-config.yaml does not match it. The
                worker then does not start.
        """
        properties, manifest = context.system_properties, context.manifest["model"]
        gpu = properties.get("gpu_id")
        on_gpu = gpu is not None and torch.cuda.is_available()
        folder = Path(properties["model_dir"])
        configured = settings.read(context.model_yaml_config or {})
        self.model = Model(
            folder / manifest["serializedFile"],
            configured,
            torch.device(f"cuda:{gpu}" if on_gpu else "cpu"),
            context.model_name,
            manifest["modelVersion"],
        )
        limits.read_environment()
        self._hooks = hooks.load(folder, configured.model, self.model.interface)
        self._reader = Reader(self.model, self._hooks)
        self._in_flight = InFlight()
        logger.info(
            "Model %s %s is loaded on %s",
            context.model_name,
            manifest["modelVersion"],
            self.model.device,
        )
        # TorchServe's own reader would parse JSON leniently before the handler gets it.
        os.environ["TS_DECODE_INPUT_REQUEST"] = "false"
        batch_io.install(self.answer)
        # TorchServe's worker code logs at least one line per batch, through a pipe that the server
        # reads line by line. The metrics in those lines are counted by the server as well.
        logging.getLogger().setLevel(logging.WARNING)

    def handle(self, data: Sequence[Fields], context: Context) -> list[bytes]:
        """Process a batch through TorchServe's Python interface.

        Args:
            data: one mapping per request: the raw body under `body`, or the fields of a multipart
                form.
            context: TorchServe's context, which holds the headers of each request and receives the
                status and headers of each response.

        Returns:
            One response body per request, in order. Invalid requests never raise.
        """
        headers = [Headers(context.get_all_request_header(i).items()) for i in range(len(data))]
        bodies = [b""] * len(data)
        for i, answer in chain.from_iterable(self.answer(list(data), headers)):
            bodies[i] = bytes(answer.body)
            context.set_response_content_type(i, answer.content_type)
            own = dict(answer.headers) if headers[i] else LAST_OF_STREAM
            for name, value in own.items():
                context.set_response_header(i, name, value)
            if answer.status is not HTTPStatus.OK:
                # TorchServe does not add a reason phrase to a status that a handler sets.
                context.set_response_status(code=answer.status, phrase=answer.status.phrase, idx=i)
        return bodies

    def answer(
        self, fields: MutableSequence[Fields], headers: Sequence[Headers]
    ) -> Iterator[Answers]:
        """Yield the responses to a batch, some at a time, as soon as they are ready.

        The smallest requests come first, so that none waits for a larger one. An empty item says
        that a long request makes progress.

        Args:
            fields: the fields of each request; an entry is replaced once its request was parsed.
            headers: the headers of each request, names in lower case.
        """
        with self._in_flight:
            sizes = [len(sent.get("body") or sent.get("data") or b"") for sent in fields]
            order: Sequence[int] = range(len(fields))
            if sum(sizes) > TOGETHER_BYTES:
                order = sorted(order, key=sizes.__getitem__)
            start = size = 0
            for end, i in enumerate(order):
                if size and size + sizes[i] > TOGETHER_BYTES:
                    yield from self._together(fields, headers, order[start:end])
                    start, size = end, 0
                size += sizes[i]
            yield from self._together(fields, headers, order[start:])

    def describe_handle(self) -> dict[str, object]:
        """Return the description of the model in the format of V2's model metadata."""
        return self.model.description

    def _together(
        self, fields: MutableSequence[Fields], headers: Sequence[Headers], members: Sequence[int]
    ) -> Iterator[Answers]:
        """Yield the responses to requests that may share a call of the model."""
        steps = self._steps(fields, headers, members)
        ready = [*next(steps)]
        passed_on = time.monotonic()
        for some in steps:
            ready += some
            now = time.monotonic()
            if now - passed_on > (READY_SECONDS if ready else ALIVE_SECONDS):
                yield ready
                ready, passed_on = [], now
        if ready:
            yield ready

    def _steps(
        self, fields: MutableSequence[Fields], headers: Sequence[Headers], members: Sequence[int]
    ) -> Iterator[Answers]:
        """Yield the same, after each step that may take long."""
        refused: list[tuple[int, Answer]] = []
        places: list[int] = []
        requests: list[Request] = []
        for i in members:
            read = self._reader.read(fields[i], headers[i])
            fields[i] = _ANSWERED
            if isinstance(read, Answer):
                refused.append((i, read))
            else:
                places.append(i)
                requests.append(read)
            if self._hooks:
                yield ()
        yield refused
        for finished in self.model.runner.run(requests):
            answers = ((places[k], self._render(requests[k], results)) for k, results in finished)
            if self._hooks:
                yield from ([answer] for answer in answers)
            else:
                yield [*answers]

    def _render(self, request: Request, results: Sequence[Result]) -> Answer:
        for call in request.calls:
            call.clear()  # free the inputs before the response takes memory
        return attempt(self._body, request, results, "answered", _UNWRITABLE)

    def _body(self, request: Request, results: Sequence[Result]) -> Answer:
        for result in results:
            if isinstance(result, ModelError):
                raise model_failed(str(result))
        body = request.render(cast("Sequence[Outputs]", results), self.model.interface)
        limits.check_response(len(body.data))
        return success(body)
