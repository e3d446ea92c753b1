"""Reads TorchServe's batches through a buffer and writes the answers in one piece.

TorchServe's worker reads a request with dozens of tiny `recv` calls and builds several objects for
each: that, not the model, is most of what a small request costs in Python. `install` puts this
module's reader and writer in their place. They speak the protocol of `ts.protocol`'s
`otf_message_handler` in TorchServe 0.12.0, which is the last release; with any other version, or
in a process that is not TorchServe's worker, `install` changes nothing and says so.

    batch     "I" request* end
    request   id header* end parameter* end
    header    name value            parameter   name content-type value
    answer    code message (id content-type status phrase header-count header* body)* end

Every string stands behind its length, a signed 32-bit big-endian integer; `end` is -1 in place of
a length.

With each piece of a message that arrives, TorchServe's `ModelResponseDecoder` reads and copies it
again from its first byte, so that a message's cost grows with the square of its size. A batch with
large answers is therefore answered in several messages. TorchServe awaits one more where an answer
says that it will go on (`BatchAggregator.sendResponse`): the batch's largest one does, and its body
comes with the last message.
"""

from __future__ import annotations

import functools
import logging
import struct
import sys
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

import ts
from ts.protocol import otf_message_handler as protocol
from ts.service import Service

from answers import LAST_OF_STREAM, MORE_OF_STREAM, Answer

if TYPE_CHECKING:
    import socket

logger = logging.getLogger(__name__)

VERSION = "0.12.0"
# Bytes asked of the socket at once: a batch of small requests in one call.
CHUNK = 1 << 18
# Bytes of answers that one message has at most, unless a single answer is larger.
MESSAGE = 1 << 20
# Header blocks that are remembered. Clients of one kind send the same block each time.
KNOWN_BLOCKS = 8

_int = struct.Struct("!i")
_END = _int.pack(-1)

Headers = Mapping[str, str]
Fields = Mapping[str, Any]
Answerer = Callable[[Sequence[Fields], Sequence[Headers]], Sequence[Answer]]


class Batch(NamedTuple):
    """A batch as the handler wants it, each list with one entry for each request."""

    ids: list[bytes]
    fields: list[Fields]
    headers: list[Headers]


class Incomplete(Exception):  # noqa: N818 (a reason to read on)
    """The buffer ends before the message does."""


class Reader:
    """Reads messages from one worker's socket. Its `recv` lets TorchServe's own code read too."""

    def __init__(self, connection: socket.socket) -> None:
        """Read from `connection`, which blocks."""
        self._connection = connection
        self._buffer = bytearray()
        self._at = 0
        self._known: list[tuple[bytes, Headers]] = []

    def read(self) -> tuple[bytes, Any]:
        """Return the next command and its message, as TorchServe's `retrieve_msg` does."""
        command = self.recv(1)
        if command == protocol.PREDICT_MSG:
            return command, self._batch()
        if command == protocol.LOAD_MSG:
            return command, protocol._retrieve_load_msg(self)
        # An empty command is the frontend that has gone; TorchServe's reader ends the process.
        if not command:
            logger.info("Frontend disconnected.")
            sys.exit(0)
        raise ValueError(f"Invalid command: {command!r}")

    def recv(self, size: int) -> bytes:
        """Return up to `size` bytes; none where the other side has closed."""
        if self._at == len(self._buffer) and not self._more():
            return b""
        data = bytes(self._buffer[self._at : self._at + size])
        self._at += len(data)
        return data

    def _more(self) -> bool:
        """Read on; False where the other side has closed."""
        if self._at:
            del self._buffer[: self._at]
            self._at = 0
        data = self._connection.recv(CHUNK)
        self._buffer += data
        return bool(data)

    def _batch(self) -> Batch:
        batch = Batch([], [], [])
        while True:
            try:
                if not self._request(batch):
                    return batch
            except (struct.error, Incomplete):
                # Nothing of an incomplete request is kept: it is read again from its start.
                if not self._more():
                    logger.info("Frontend disconnected.")
                    sys.exit(0)

    def _request(self, batch: Batch) -> bool:
        """Add the next request to the batch; False at the batch's end."""
        buffer, at = self._buffer, self._at
        (size,) = _int.unpack_from(buffer, at)
        at += 4
        if size < 0:
            self._at = at
            return False
        start, at = at, at + size
        headers, end = self._headers(at)
        fields: dict[str, Any] = {}
        while True:
            (size,) = _int.unpack_from(buffer, end)
            end += 4
            if size < 0:
                break
            name, end = buffer[end : end + size], end + size
            (size,) = _int.unpack_from(buffer, end)
            end += 4 + size  # the parameter's content type
            (size,) = _int.unpack_from(buffer, end)
            end += 4
            if end + size > len(buffer):
                raise Incomplete
            fields[name.decode()] = bytes(memoryview(buffer)[end : end + size])
            end += size
        batch.ids.append(bytes(buffer[start:at]))
        batch.headers.append(headers)
        batch.fields.append(fields)
        self._at = end
        return True

    def _headers(self, at: int) -> tuple[Headers, int]:
        """Return the headers that start at `at`, and where they end."""
        buffer = self._buffer
        for block, headers in self._known:
            # A block ends with -1, so a match is the whole block and nothing but it.
            if buffer.startswith(block, at):
                return headers, at + len(block)
        start, pairs = at, []
        while True:
            (size,) = _int.unpack_from(buffer, at)
            at += 4
            if size < 0:
                break
            name, at = buffer[at : at + size], at + size
            (size,) = _int.unpack_from(buffer, at)
            at += 4
            pairs.append((name, buffer[at : at + size]))
            at += size
        # Decoded once all of it is there: a string may be cut in the middle of a character.
        headers = {name.decode(): value.decode() for name, value in pairs}
        self._known = [(bytes(buffer[start:at]), headers), *self._known[: KNOWN_BLOCKS - 1]]
        return headers, at


def write(batch: Batch, answers: Sequence[Answer]) -> bytes:
    """Return the messages that answer a batch, one behind the other."""
    messages = _messages(batch, answers)
    streamed = messages[-1][-1] if len(messages) > 1 else None
    parts = []
    for k, members in enumerate(messages, 1):
        parts.append(_SUCCESS)
        for i in members:
            parts += _part(batch, i, answers[i], more=False if i == streamed else None)
        if streamed is not None and k < len(messages):
            parts += _part(batch, streamed, answers[streamed]._replace(body=b""), more=True)
        parts.append(_END)
    return b"".join(parts)


def _messages(batch: Batch, answers: Sequence[Answer]) -> list[list[int]]:
    """Return which answers each message has; where there are several, the last one is streamed."""
    sizes = [len(answer.body) for answer in answers]
    # Neither an answer over gRPC, where requests have no headers, nor an error, whose head ends the
    # connection.
    ok = HTTPStatus.OK
    fit = [i for i, answer in enumerate(answers) if batch.headers[i] and answer.status is ok]
    everyone = range(len(answers))
    if sum(sizes) <= MESSAGE or not fit:
        return [list(everyone)]
    streamed = max(fit, key=sizes.__getitem__)
    messages: list[list[int]] = [[]]
    room = MESSAGE
    for i in (*(i for i in everyone if i != streamed), streamed):
        if messages[-1] and sizes[i] > room:
            messages.append([])
            room = MESSAGE
        messages[-1].append(i)
        room -= sizes[i]
    return messages


def _part(
    batch: Batch, i: int, answer: Answer, *, more: bool | None = None
) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """Return an answer as it stands in a message; `more` says of a stream whether it goes on."""
    if more is None and not batch.headers[i]:
        more = False
    request, body = batch.ids[i], answer.body
    head = _middle(answer.status, more)
    return _int.pack(len(request)), request, head, _int.pack(len(body)), body


def _string(text: str) -> bytes:
    data = text.encode()
    return _int.pack(len(data)) + data


@functools.cache
def _middle(status: HTTPStatus, more: bool | None) -> bytes:
    """Return what stands between id and body: content type, status, phrase, headers."""
    kind = "application/json"
    phrase = "" if status is HTTPStatus.OK else status.phrase
    headers = {"content-type": kind}
    if more is not None:
        headers |= MORE_OF_STREAM if more else LAST_OF_STREAM
    pairs = (_string(text) for pair in headers.items() for text in pair)
    return b"".join(
        (_string(kind), _int.pack(status), _string(phrase), _int.pack(len(headers)), *pairs)
    )


_SUCCESS = _int.pack(200) + _string("Prediction success")


def _fail(batch: Batch, message: str, code: int) -> bytes:
    """Return the message that fails a whole batch, as TorchServe's worker does."""
    ids = {i: request.decode() for i, request in enumerate(batch.ids)}
    return bytes(protocol.create_predict_response(None, ids, message, code))


def install(answer: Answerer) -> bool:
    """Make this process's worker read and write batches here; say whether it was done.

    Args:
        answer: the handler: fields and headers of each request in, an answer for each out.
    """
    worker = sys.modules["__main__"]
    if (
        ts.__version__ != VERSION
        or getattr(worker, "retrieve_msg", None) is not protocol.retrieve_msg
    ):
        logger.info("Batches go through TorchServe's own code: this is not a worker of %s", VERSION)
        return False
    readers: dict[int, Reader] = {}

    def retrieve_msg(connection: socket.socket) -> tuple[bytes, Any]:
        reader = readers.get(id(connection))
        if reader is None:
            reader = readers[id(connection)] = Reader(connection)
        return reader.read()

    def predict(_service: Service, batch: Batch) -> bytes:
        try:
            return write(batch, answer(batch.fields, batch.headers))
        except MemoryError:
            logger.exception("Out of memory")
            return _fail(batch, "Out of resources", 507)
        except Exception:
            logger.exception("The handler failed")
            return _fail(batch, "Prediction failed", 503)

    worker.retrieve_msg = retrieve_msg  # type: ignore[attr-defined]
    Service.predict = predict
    return True
