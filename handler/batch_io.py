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
large answers is therefore answered in several messages, each sent as soon as it is complete.
TorchServe awaits one more where an answer says that it will go on (`BatchAggregator.sendResponse`):
one answer of the batch does, and its body comes with the last message.
"""

from __future__ import annotations

import functools
import logging
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableSequence, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import msgspec
import ts
from ts.protocol import otf_message_handler as protocol
from ts.service import Service

from answers import LAST_OF_STREAM, MORE_OF_STREAM, Answer, failure
from forms import REPEATED
from headers import Headers
from wire.errors import RequestError

if TYPE_CHECKING:
    import socket

logger = logging.getLogger(__name__)

VERSION = "0.12.0"
# Bytes asked of the socket at once: a batch of small requests in one call.
RECV_BYTES = 1 << 18
# Bytes of what was read already that the buffer keeps at most while a batch is read.
DONE_BYTES = 1 << 20
# Bytes of answers that one message has at most, unless a single answer is larger.
MESSAGE_BYTES = 1 << 20
# Header blocks that are remembered. Clients of one kind send the same block each time.
KNOWN_BLOCKS = 8

_int = struct.Struct("!i")
_END = _int.pack(-1)

Fields = Mapping[str, Any]
Answerer = Callable[[MutableSequence[Fields], Sequence[Headers]], Iterable[Answer]]
# Pieces of a message, in order.
Message = list[bytes]


class Batch(NamedTuple):
    """A batch as the handler wants it, each list with one entry for each request."""

    ids: list[bytes]
    fields: list[Fields]
    headers: list[Headers]


class Reader:
    """Reads messages from one worker's socket. Its `recv` lets TorchServe's own code read too."""

    def __init__(self, connection: socket.socket) -> None:
        """Read from `connection`, which blocks."""
        self.connection = connection
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
            _gone()
        raise ValueError(f"Invalid command: {command!r}")

    def recv(self, size: int) -> bytes:
        """Return up to `size` bytes; none where the other side has closed."""
        if self._at == len(self._buffer):
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
        return batch

    def _forget(self) -> None:
        """Drop what was read already."""
        del self._buffer[: self._at]
        self._at = 0

    def _wait(self, end: int) -> None:
        """Read on until the buffer has `end` bytes."""
        buffer = self._buffer
        while len(buffer) < end:
            data = self.connection.recv(RECV_BYTES)
            if not data:
                _gone()
            buffer += data

    def _request(self, batch: Batch) -> bool:
        """Add the next request to the batch; False at the batch's end."""
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
        """Return where the string at `at` starts and ends; it ends at -1 where there is none."""
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
        """Return the value at `at`, and where it ends."""
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
        # A large one goes past the buffer, so that it is held once.
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
        """Return the headers that start at `at`, and where they end."""
        buffer = self._buffer
        for block, headers in self._known:
            # A block ends with -1, so a match is the whole block and nothing but it.
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
        found = Headers(pairs)
        self._known = [(bytes(buffer[begin:start]), found), *self._known[: KNOWN_BLOCKS - 1]]
        return found, start


def _gone() -> NoReturn:
    logger.info("Frontend disconnected.")
    sys.exit(0)


def write(batch: Batch, answers: Iterable[Answer], send_on: Callable[[Message], None]) -> Message:
    """Write the messages that answer a batch.

    Args:
        batch: what is answered.
        answers: one for each request.
        send_on: gets each message but the last, once its answers are there.

    Returns:
        The last message.
    """
    pieces: Message = []
    size = 0
    held: tuple[int, Answer, int] | None = None
    streamed = False
    for i, answer in enumerate(answers):
        # Neither an answer over gRPC, where requests have no headers, nor an error, whose head ends
        # the connection.
        if held is None and batch.headers[i] and answer.status is HTTPStatus.OK:
            held = (i, answer, len(pieces))
            continue
        if held and size and size + len(answer.body) > MESSAGE_BYTES:
            send_on([_SUCCESS, *pieces, *_more(batch, *held), _END])
            pieces, size, streamed = [], 0, True
        pieces += _part(batch, i, answer)
        size += len(answer.body)
    if held:
        i, answer, place = held
        if size and size + len(answer.body) > MESSAGE_BYTES:
            send_on([_SUCCESS, *pieces, *_more(batch, *held), _END])
            pieces, streamed = [], True
        if streamed:
            pieces += _part(batch, i, answer, more=False)
        else:
            pieces[place:place] = _part(batch, i, answer)
    return [_SUCCESS, *pieces, _END]


def _more(batch: Batch, i: int, answer: Answer, _place: int) -> Message:
    """Return the part of an answer that only says that it will go on."""
    return _part(batch, i, msgspec.structs.replace(answer, body=b""), more=True)


def _part(batch: Batch, i: int, answer: Answer, *, more: bool | None = None) -> Message:
    """Return an answer as it stands in a message; `more` says of a stream whether it goes on."""
    if more is None and not batch.headers[i]:
        more = False
    request, body = batch.ids[i], answer.body
    head = _middle(answer.status, answer.content_type, answer.headers, more)
    return [_int.pack(len(request)), request, head, _int.pack(len(body)), body]


def _string(text: str) -> bytes:
    data = text.encode()
    return _int.pack(len(data)) + data


@functools.lru_cache(256)
def _middle(
    status: HTTPStatus, kind: str, own: tuple[tuple[str, str], ...], more: bool | None
) -> bytes:
    """Return what stands between id and body: content type, status, phrase, headers."""
    phrase = "" if status is HTTPStatus.OK else status.phrase
    headers = {"content-type": kind, **dict(own)}
    if more is not None:
        headers |= MORE_OF_STREAM if more else LAST_OF_STREAM
    pairs = (_string(text) for pair in headers.items() for text in pair)
    return b"".join(
        (_string(kind), _int.pack(status), _string(phrase), _int.pack(len(headers)), *pairs)
    )


_SUCCESS = _int.pack(200) + _string("Prediction success")


def _each(batch: Batch, answers: Iterable[Answer]) -> Iterator[Answer]:
    """Yield an answer for each request, an error where the handler has none."""
    missing = len(batch.ids)
    error = RequestError("Prediction failed", 503, "InternalServerException")
    try:
        for answer in answers:
            missing -= 1
            yield answer
    except MemoryError:
        logger.exception("Out of memory")
        error = RequestError("Out of resources", 507, "InternalServerException")
    except Exception:
        logger.exception("The handler failed")
    for _ in range(missing):
        yield failure(error)


def send(connection: socket.socket, message: Message) -> None:
    """Send a message; what is large is not copied first."""
    small: Message = []
    for piece in message:
        if len(piece) < RECV_BYTES:
            small.append(piece)
            continue
        connection.sendall(b"".join(small))
        connection.sendall(piece)
        small = []
    connection.sendall(b"".join(small))


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
    # The connection that the last batch came from; a worker has one.
    current: list[socket.socket] = []

    def retrieve_msg(connection: socket.socket) -> tuple[bytes, Any]:
        reader = readers.get(id(connection))
        if reader is None:
            reader = readers[id(connection)] = Reader(connection)
        current[:] = [connection]
        return reader.read()

    def predict(_service: Service, batch: Batch) -> bytes:
        (connection,) = current
        answers = _each(batch, answer(batch.fields, batch.headers))
        last = write(batch, answers, functools.partial(send, connection))
        if sum(map(len, last)) < MESSAGE_BYTES:
            return b"".join(last)
        send(connection, last)
        return b""  # the worker sends what is returned here

    worker.retrieve_msg = retrieve_msg  # type: ignore[attr-defined]
    Service.predict = predict
    return True
