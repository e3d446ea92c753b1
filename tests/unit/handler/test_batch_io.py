"""The fast reader and writer, compared byte for byte with those of TorchServe."""

import io
import json
import os
import struct
import sys
from collections.abc import Iterator
from http import HTTPStatus
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ts.context import Context, RequestProcessor
from ts.protocol import otf_message_handler as protocol
from ts.service import Service

import batch_io
from answers import Answer, Answers
from forms import REPEATED
from headers import Headers
from tests.unit.handler.wire.serving import peak_bytes

END = struct.pack("!i", -1)
HTTP = Headers([("Host", "x")])


def string(data: bytes) -> bytes:
    return struct.pack("!i", len(data)) + data


Request = tuple[dict[str, str], dict[str, bytes]]


def encode(requests: list[Request]) -> bytes:
    """Return the message that TorchServe's frontend sends for a batch."""
    message = b"I"
    for i, (headers, fields) in enumerate(requests):
        message += string(f"request-{i}".encode())
        message += (
            b"".join(string(k.encode()) + string(v.encode()) for k, v in headers.items()) + END
        )
        for name, value in fields.items():
            message += string(name.encode()) + string(b"application/octet-stream") + string(value)
        message += END
    return message + END


# A file that can always be read.
READY = os.open(os.devnull, os.O_RDONLY)
# Bytes that the system takes at once; no multiple of the pieces of a message.
SENT_AT_ONCE = 37


class Connection:
    """A socket that delivers its bytes in pieces of the given sizes, and keeps what is sent."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self.data, self.sizes = memoryview(data), sizes
        self.received = 0
        self.sent: list[bytes] = []

    def fileno(self) -> int:
        return READY

    def recv(self, size: int) -> bytes:
        size = min(size, self.sizes.pop() if self.sizes else size)
        piece, self.data = self.data[:size], self.data[size:]
        self.received += len(piece)
        return bytes(piece)

    def recv_into(self, buffer: memoryview) -> int:
        piece = self.recv(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def sendmsg(self, pieces: list[memoryview]) -> int:
        """Send a part of it, as the system does when a signal interrupts it."""
        self.sent.append(b"".join(pieces)[:SENT_AT_ONCE])
        return len(self.sent[-1])


LARGE = batch_io.RECV_BYTES + 1


def reader_of(data: bytes, sizes: list[int] | None = None) -> batch_io.Reader:
    return batch_io.Reader(Connection(data, sizes or []))  # type: ignore[arg-type]


texts = st.text(st.characters(codec="utf-8"), max_size=8)
values = st.binary(max_size=300) | st.sampled_from([LARGE - 1, LARGE, 3 * LARGE]).map(bytes)
requests = st.lists(
    st.tuples(
        st.dictionaries(texts, texts, max_size=4),
        st.dictionaries(st.sampled_from(["body", "data", "file"]), values, max_size=2),
    ),
    max_size=6,
)
sizes_received = st.lists(st.integers(1, 50), max_size=200) | st.lists(
    st.integers(1, LARGE), max_size=40
)


@given(st.lists(requests, min_size=1, max_size=3), sizes_received)
def test_batches_are_read_as_torchserve_reads_them(
    batches: list[list[Request]], sizes: list[int]
) -> None:
    data = b"".join(encode(batch) for batch in batches)
    reader = reader_of(data, sizes)
    slow = Connection(data, [])
    for sent in batches:
        command, batch = reader.read()
        assert command == b"I"
        _, message = protocol.retrieve_msg(slow)
        _, fields, ids = Service.retrieve_data_for_inference(message)
        assert batch.fields == fields
        assert [i.decode() for i in batch.ids] == list(ids.values())
        assert batch.headers == [Headers(headers.items()) for headers, _ in sent]


def test_a_batch_of_large_bodies_is_held_once() -> None:
    size = 4 << 20
    reader = reader_of(encode([({"Host": "a"}, {"body": bytes(size)})] * 4))
    # The fake socket copies the data that it delivers.
    assert 4 * size < peak_bytes(reader.read) < 5 * size + (1 << 20)


def test_a_field_that_came_twice_is_said() -> None:
    body = string(b"data") + string(b"") + string(b"[1]")
    message = b"I" + string(b"id") + END + body + body + END + END
    assert reader_of(message).read()[1].fields == [{"data": b"[1]", REPEATED: "data"}]


made_answers = st.builds(
    Answer,
    st.binary(max_size=50),
    st.sampled_from([HTTPStatus(status) for status in (200, 400, 404, 415, 500)]),
    st.sampled_from(["text/x", "application/json"]),
    st.sampled_from([(), (("inference-header-content-length", "7"), ("x", "y"))]),
)


@given(st.lists(st.tuples(made_answers, st.sampled_from([HTTP, Headers()])), max_size=5))
def test_responses_are_written_as_torchserve_writes_them(
    responses: list[tuple[Answer, Headers]],
) -> None:
    answers = [answer for answer, _ in responses]
    context = Context("m", "", {}, 1, None, "0.12.0")
    context.request_processor = [RequestProcessor({}) for _ in answers]
    for i, (answer, headers) in enumerate(responses):
        context.set_response_content_type(i, answer.content_type)
        for name, value in answer.headers:
            context.set_response_header(i, name, value)
        if not headers:  # over gRPC
            context.set_response_header(i, "ts_stream_next", "false")
        if answer.status != 200:
            context.set_response_status(answer.status, answer.status.phrase, i)
    ids = {i: f"id-{i}" for i in range(len(answers))}
    bodies = [answer.body for answer in answers]
    expected = protocol.create_predict_response(bodies, ids, "Prediction success", 200, context)
    sent = [headers for _, headers in responses]
    batch = batch_io.Batch([i.encode() for i in ids.values()], [], sent)
    assert b"".join(batch_io.write(batch, [list(enumerate(answers))])) == bytes(expected)


Part = tuple[bytes, bytes]


def messages(data: bytes) -> list[list[Part]]:
    """Read messages as TorchServe does; return id and body of each part."""
    stream, read = io.BytesIO(data), []

    def number() -> int:
        return int.from_bytes(stream.read(4), signed=True)

    def text() -> bytes:
        return stream.read(number())

    while stream.tell() < len(data):
        assert (number(), text()) == (200, b"Prediction success")
        parts = []
        while (size := number()) >= 0:
            request, _ = stream.read(size), text()
            number(), text()
            _ = {text(): text() for _ in range(number())}
            parts.append((request, text()))
        read.append(parts)
    return read


MORE = (b"", b"")


def test_a_model_can_still_be_loaded() -> None:
    parts = [string(b"doubleit"), string(b"/path"), struct.pack("!i", 64), string(b"handler.py")]
    load = b"L" + b"".join(parts) + END + string(b"") + b"\x01"
    data = load + encode([({}, {"body": b"[1]"})])
    reader = reader_of(data, [3] * 9)
    assert reader.read() == protocol.retrieve_msg(Connection(load, []))
    assert reader.read()[1].fields == [{"body": b"[1]"}]


@pytest.mark.parametrize("cut", [0, 1, 20, 60])
def test_a_frontend_that_has_gone_ends_the_worker(cut: int) -> None:
    message = encode([({"Host": "a"}, {"body": b"[1]" * 40})])
    reader = reader_of(message[:cut])
    with pytest.raises(SystemExit) as caught:
        reader.read()
    assert caught.value.code == 0


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make this process look like a TorchServe worker."""
    module = ModuleType("__main__")
    module.retrieve_msg = protocol.retrieve_msg  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.setattr(Service, "predict", Service.predict)
    return module


@pytest.mark.parametrize("partial", [True, False])
def test_a_message_is_sent_before_the_next_answer_is_made(
    worker: Any, monkeypatch: pytest.MonkeyPatch, *, partial: bool
) -> None:
    monkeypatch.setenv(batch_io.PARTIAL, "1" if partial else "")
    connection = Connection(encode([({"a": "x"}, {"body": b"1"})] * 3), [])
    sent = []

    def answers(*_: object) -> Iterator[Answers]:
        for i in range(3):
            sent.append(len(messages(b"".join(connection.sent))))
            yield [(i, Answer(b"[2]"))]

    assert batch_io.install(answers)
    _, batch = worker.retrieve_msg(connection)
    last = Service.predict(SimpleNamespace(), batch)
    assert sent == ([0, 1, 2] if partial else [0, 0, 0])
    received = messages(b"".join([*connection.sent, last]))
    assert [part for message in received for part in message if part != MORE] == [
        (b"request-%d" % i, b"[2]") for i in range(3)
    ]


@pytest.mark.parametrize("done", [0, 1, 3])
@pytest.mark.parametrize(("error", "status"), [(MemoryError, 507), (KeyError, 503)])
def test_a_handler_that_raises_loses_only_the_responses_that_it_had_not_made(
    worker: Any, error: type[Exception], status: int, done: int
) -> None:
    def raises(*_: object) -> Iterator[Answers]:
        yield [(i, Answer(b"[2]")) for i in range(done)]
        raise error

    assert batch_io.install(raises)
    _, batch = worker.retrieve_msg(Connection(encode([({"a": "b"}, {})] * 3), []))
    (message,) = messages(Service.predict(SimpleNamespace(), batch))
    bodies = [body for _, body in message]
    assert bodies[:done] == [b"[2]"] * done
    assert [json.loads(body)["code"] for body in bodies[done:]] == [status] * (3 - done)


def test_it_steps_aside_for_another_version_and_outside_a_worker(
    worker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ts.__version__", "0.13.0")
    assert not batch_io.install(lambda *_: [])
    assert worker.retrieve_msg is protocol.retrieve_msg
    monkeypatch.undo()
    assert not batch_io.install(lambda *_: [])


def test_known_header_blocks_are_distinguished_from_others() -> None:
    one, other = {"Host": "a", "Accept": "b"}, {"Host": "a", "Accept": "b", "X": "1"}
    more = [{"Host": str(n)} for n in range(2 * batch_io.KNOWN_BLOCKS)]
    sent = [one, other, one, *more, one, other]
    reader = reader_of(encode([(headers, {"body": b"[1]"}) for headers in sent]))
    assert reader.read()[1].headers == [Headers(headers.items()) for headers in sent]
    assert len(reader._known) == batch_io.KNOWN_BLOCKS


@pytest.mark.parametrize("partial", [True, False])
def test_large_responses_that_are_ready_together_are_sent_in_several_messages(
    *, partial: bool
) -> None:
    large = bytes(batch_io.MESSAGE_BYTES * 2 // 3)
    bodies = {4: large, 3: large, 2: b"small", 1: 2 * large, 0: b"last"}
    ready = [[4, 3, 2, 1], [], [0]]
    answers = [[(i, Answer(bodies[i])) for i in some] for some in ready]
    batch = batch_io.Batch([b"%d" % i for i in range(5)], [], [HTTP] * 5)
    sent: list[batch_io.Message] = []
    last = batch_io.write(batch, answers, sent.append if partial else None)
    received = messages(b"".join(piece for message in (*sent, last) for piece in message))
    expected = [[4], [3, 2], [1], [], [0]] if partial else [[4, 3, 2, 1, 0]]
    # All but the last say that more follows.
    assert received == [
        [(b"%d" % i, bodies[i]) for i in some] + [MORE] * (n < len(expected))
        for n, some in enumerate(expected, 1)
    ]
