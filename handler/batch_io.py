"""Reads TorchServe's batches through a buffer and writes their responses in few pieces.

TorchServe's worker reads a request with dozens of small `recv` calls and builds several objects for
each one. For a small request this, not the model, is most of the time spent in Python. `install`
replaces TorchServe's reader and writer with those of this module. They implement the protocol of
`ts.protocol.otf_message_handler` in TorchServe 0.12.0, the last release. With any other version,
or in a process that is not a TorchServe worker, `install` changes nothing and logs that.

    batch     "I" request* end
    request   id header* end parameter* end
    header    name value            parameter   name content-type value
    response  code message (id content-type status phrase header-count header* body)* end

Every string is preceded by its length, a signed 32-bit big-endian integer; `end` is -1 in place of
a length.

Where the server allows it (PARTIAL), the responses are sent in several messages, each as soon as it
is complete. So a small request does not wait for the larger ones of its batch, and a worker counts
as hanging only if it sends nothing for `responseTimeout` seconds. This also avoids large messages,
which take TorchServe long: each time a piece of a message arrives, its `ModelResponseDecoder` reads
and copies the message again from the first byte. All messages of a batch except the last contain a
response without an id, after which server/torchserve/classes/Worker.java waits for more.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableSequence, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import ts
from ts.protocol import otf_message_handler as protocol
from ts.service import Service

from answers import LAST_OF_STREAM, Answer, Answers, failure
from busy_poll import BUSY_POLL, Arrivals
from forms import REPEATED
from headers import Headers

if TYPE_CHECKING:
    import socket

logger = logging.getLogger(__name__)

# glibc's function that returns free memory to the system.
_trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda _keep: 0)

VERSION = "0.12.0"
# An environment variable of the supervisor: not empty if TorchServe takes the responses of a batch
# in several messages.
PARTIAL = "PARTIAL_BATCHES"
# Bytes to read from the socket at once: one call reads a batch of small requests.
RECV_BYTES = 1 << 16
# Maximum number of consumed bytes that stay in the buffer while a batch is read.
DONE_BYTES = 1 << 20
# Maximum number of body bytes in one of several messages, unless a single response is larger.
MESSAGE_BYTES = 1 << 20
# Maximum number of pieces that the system sends at once (UIO_MAXIOV in linux/uio.h).
MAX_PIECES = 1024
# Number of header blocks to cache: a client usually sends the same block with each request.
KNOWN_BLOCKS = 8

_int = struct.Struct("!i")
_END = _int.pack(-1)

Fields = Mapping[str, Any]
Answerer = Callable[[MutableSequence[Fields], Sequence[Headers]], Iterable[Answers]]
# Pieces of a message, in order.
Message = list[bytes | bytearray]


class Batch(NamedTuple):
    """A batch as the handler takes it; each list has one entry per request."""

    ids: list[bytes]
    fields: list[Fields]
    headers: list[Headers]


class Reader:
    """Reads messages from a worker's socket; TorchServe's own code can read through its `recv`."""

    def __init__(self, connection: socket.socket, *, busy: bool = False) -> None:
        """Read from `connection`, a blocking socket; for `busy` see `Arrivals`."""
        self.connection = connection
        self._arrivals = Arrivals(connection, busy=busy)
        self._single = False
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
        # No command: the frontend has disconnected. As in TorchServe's reader, the process ends.
        if not command:
            _gone()
        raise ValueError(f"Invalid command: {command!r}")

    def recv(self, size: int) -> bytes:
        """Return up to `size` bytes, or none if the other side has closed the connection."""
        if self._at == len(self._buffer):
            self._arrivals.wait(single=self._single)
            self._buffer[:] = self.connection.recv(RECV_BYTES)
            self._at = 0
        data = bytes(self._buffer[self._at : self._at + size])
        self._at += len(data)
        return data

    def _batch(self) -> Batch:
        batch = Batch([], [], [])
        while self._request(batch):
            if self._at > DONE_BYTES:
                self._forget()
        self._forget()
        self._single = len(batch.ids) == 1
        return batch

    def _forget(self) -> None:
        """Remove the consumed bytes from the buffer."""
        del self._buffer[: self._at]
        self._at = 0

    def _wait(self, end: int) -> None:
        """Read from the socket until the buffer has `end` bytes."""
        buffer = self._buffer
        while len(buffer) < end:
            data = self.connection.recv(RECV_BYTES)
            if not data:
                _gone()
            buffer += data

    def _request(self, batch: Batch) -> bool:
        """Add the next request to the batch; return False at the end of the batch."""
        buffer = self._buffer
        start, end = self._string(self._at)
        if end < 0:
            self._at = start
            return False
        name = bytes(buffer[start:end])
        headers, at = self._headers(end)
        fields: dict[str, Any] = {}
        while True:
            start, end = self._string(at)
            if end < 0:
                break
            field = buffer[start:end].decode()
            _, end = self._string(end)  # the parameter's content type
            if field in fields:
                fields[REPEATED] = field
            fields[field], at = self._value(end)
        batch.ids.append(name)
        batch.headers.append(headers)
        batch.fields.append(fields)
        self._at = start
        return True

    def _string(self, at: int) -> tuple[int, int]:
        """Return where the string at `at` starts and ends; the end is -1 if there is none."""
        start = at + 4
        if start > len(self._buffer):
            self._wait(start)
        (size,) = _int.unpack_from(self._buffer, at)
        if size < 0:
            return start, -1
        end: int = start + size
        if end > len(self._buffer):
            self._wait(end)
        return start, end

    def _value(self, at: int) -> tuple[bytes | bytearray, int]:
        """Return the value at `at` and where it ends."""
        buffer = self._buffer
        start = at + 4
        if start > len(buffer):
            self._wait(start)
        (size,) = _int.unpack_from(buffer, at)
        end = start + size
        if size <= RECV_BYTES:
            if end > len(buffer):
                self._wait(end)
            return bytes(memoryview(buffer)[start:end]), end
        # A large value bypasses the buffer, so that memory holds only one copy of it.
        value = bytearray(size)
        there = min(len(buffer) - start, size)
        value[:there] = memoryview(buffer)[start : start + there]
        if there == size:
            return value, end
        buffer.clear()
        rest = memoryview(value)[there:]
        while rest:
            count = self.connection.recv_into(rest)
            if not count:
                _gone()
            rest = rest[count:]
        return value, 0

    def _headers(self, at: int) -> tuple[Headers, int]:
        """Return the headers that start at `at` and where they end."""
        buffer = self._buffer
        for block, headers in self._known:
            # A block ends with -1, so that a match is always a complete block.
            if buffer.startswith(block, at):
                return headers, at + len(block)
        begin, pairs = at, []
        while True:
            start, end = self._string(at)
            if end < 0:
                break
            name = buffer[start:end].decode()
            start, at = self._string(end)
            pairs.append((name, buffer[start:at].decode()))
        headers = Headers(pairs)
        self._known = [(bytes(buffer[begin:start]), headers), *self._known[: KNOWN_BLOCKS - 1]]
        return headers, start


def _gone() -> NoReturn:
    logger.info("Frontend disconnected.")
    sys.exit(0)


def write(
    batch: Batch, answers: Iterable[Answers], send_on: Callable[[Message], None] | None = None
) -> Message:
    """Write the responses of a batch, in any order; return the last message.

    With `send_on`, each item of `answers` becomes a message, or several if it is larger than
    MESSAGE_BYTES. `send_on` is called with each except the last as soon as it is complete.
    """
    pieces: Message = []
    size, missing = 0, len(batch.ids)
    for some in answers:
        for i, answer in some:
            if send_on and size and size + len(answer.body) > MESSAGE_BYTES:
                send_on([_SUCCESS, *pieces, _MORE, _END])
                pieces, size = [], 0
            pieces += _part(batch, i, answer)
            size += len(answer.body)
        missing -= len(some)
        if send_on and missing:
            send_on([_SUCCESS, *pieces, _MORE, _END])
            pieces, size = [], 0
    return [_SUCCESS, *pieces, _END]


def _part(batch: Batch, i: int, answer: Answer) -> Message:
    """Return a response as part of a message."""
    request, body = batch.ids[i], answer.body
    over_grpc = not batch.headers[i]
    head = _middle(answer.status, answer.content_type, answer.headers, over_grpc=over_grpc)
    return [_int.pack(len(request)), request, head, _int.pack(len(body)), body]


def _string(text: str) -> bytes:
    data = text.encode()
    return _int.pack(len(data)) + data


@functools.lru_cache(256)
def _middle(
    status: HTTPStatus, kind: str, own: tuple[tuple[str, str], ...], *, over_grpc: bool
) -> bytes:
    """Return the part between id and body: content type, status, phrase and headers."""
    phrase = "" if status is HTTPStatus.OK else status.phrase
    headers = {"content-type": kind, **dict(own), **(LAST_OF_STREAM if over_grpc else {})}
    pairs = (_string(text) for pair in headers.items() for text in pair)
    return b"".join(
        (_string(kind), _int.pack(status), _string(phrase), _int.pack(len(headers)), *pairs)
    )


_SUCCESS = _int.pack(200) + _string("Prediction success")
_MORE = _string("") + _middle(HTTPStatus.OK, "", (), over_grpc=False) + _string("")


def _complete(batch: Batch, answers: Iterable[Answers]) -> Iterator[Answers]:
    """Yield the answers, and at the end an error for each request that got none."""
    missing = set(range(len(batch.ids)))
    status, message = HTTPStatus.SERVICE_UNAVAILABLE, "Prediction failed"
    try:
        for some in answers:
            missing.difference_update([i for i, _ in some])
            yield some
    except MemoryError:
        logger.exception("Out of memory")
        status, message = HTTPStatus.INSUFFICIENT_STORAGE, "Out of resources"
    except Exception:
        logger.exception("The handler failed")
    if missing:
        answer = failure(message, status, "InternalServerException")
        yield [(i, answer) for i in sorted(missing)]


def send(connection: socket.socket, message: Message) -> None:
    """Send a message without joining its pieces."""
    pieces = [memoryview(piece) for piece in message]
    while pieces:
        sent = connection.sendmsg(pieces[:MAX_PIECES])
        done = 0
        while done < len(pieces) and sent >= len(pieces[done]):
            sent -= len(pieces[done])
            done += 1
        del pieces[:done]
        if sent:
            pieces[0] = pieces[0][sent:]


def install(answer: Answerer) -> bool:
    """Make this process's worker read and write batches with this module, if it is one.

    `answer` takes the fields and headers of each request and yields the responses, some at a time.
    """
    worker = sys.modules["__main__"]
    if (
        ts.__version__ != VERSION
        or getattr(worker, "retrieve_msg", None) is not protocol.retrieve_msg
    ):
        logger.info("Batches go through TorchServe's own code: this is not a worker of %s", VERSION)
        return False
    partial = bool(os.environ.get(PARTIAL))
    busy = bool(os.environ.get(BUSY_POLL))
    reader: Reader | None = None

    def retrieve_msg(connection: socket.socket) -> tuple[bytes, Any]:
        nonlocal reader
        if reader is None or reader.connection is not connection:
            reader = Reader(connection, busy=busy)
        return reader.read()

    def predict(_service: Service, batch: Batch) -> bytes | bytearray:
        assert reader  # noqa: S101 (it has read the batch)
        connection = reader.connection
        large = any(len(fields.get("body") or b"") >= MESSAGE_BYTES for fields in batch.fields)
        answers = _complete(batch, answer(batch.fields, batch.headers))
        last = write(batch, answers, functools.partial(send, connection) if partial else None)
        del batch, answers
        if large:
            # The next large request may be processed by another worker, in the same memory.
            _trim(0)
        if sum(map(len, last)) < RECV_BYTES:
            return b"".join(last)
        send(connection, last)
        return b""  # the worker sends the returned bytes

    worker.retrieve_msg = retrieve_msg  # type: ignore[attr-defined]
    Service.predict = predict
    return True
