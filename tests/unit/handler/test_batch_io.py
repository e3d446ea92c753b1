"""The fast reader and writer, compared byte for byte with those of TorchServe."""

from __future__ import annotations

import json
import os
import struct
import sys
import tracemalloc
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
    for _ in batches:
        command, batch = reader.read()
        assert command == b"I"
        _, message = protocol.retrieve_msg(slow)
        processors, fields, ids = Service.retrieve_data_for_inference(message)
        assert batch.fields == fields
        assert [i.decode() for i in batch.ids] == list(ids.values())
        own = [
            Headers((k, v) for k, v in p.get_request_properties().items() if isinstance(v, str))
            for p in processors
        ]
        # TorchServe adds the content type of a field to the headers; compare only the headers.
        for got, expected, names in zip(batch.headers, own, fields, strict=True):
            assert {k: v for k, v in got.items() if k not in names} == {
                k: v for k, v in expected.items() if k not in names
            }


def test_a_batch_of_large_bodies_is_held_once() -> None:
    body = bytes(4 << 20)
    message = encode([({"Host": "a"}, {"body": body})] * 4)
    reader = reader_of(message)
    tracemalloc.start()
    try:
        read: batch_io.Batch = reader.read()[1]
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [len(fields["body"]) for fields in read.fields] == [len(body)] * 4
    assert held < 4 * len(body) + (1 << 20)
    # The fake socket copies the data that it delivers.
    assert peak < held + len(body) + (1 << 20)


def test_a_field_that_came_twice_is_said() -> None:
    body = string(b"data") + string(b"") + string(b"[1]")
    message = b"I" + string(b"id") + END + body + body + END + END
    assert reader_of(message).read()[1].fields == [{"data": b"[1]", REPEATED: "data"}]


@given(
    st.lists(
        st.tuples(
            st.binary(max_size=50),
            st.sampled_from([200, 400, 404, 415, 500]),
            st.booleans(),
            st.sampled_from([(), (("inference-header-content-length", "7"), ("x", "y"))]),
        ),
        max_size=5,
    )
)
def test_responses_are_written_as_torchserve_writes_them(
    answers: list[tuple[bytes, int, bool, tuple[tuple[str, str], ...]]],
) -> None:
    context = Context("m", "", {}, 1, None, "0.12.0")
    context.request_processor = [RequestProcessor({}) for _ in answers]
    for i, (_, status, over_grpc, own) in enumerate(answers):
        context.set_response_content_type(i, "text/x" if own else "application/json")
        for name, value in own:
            context.set_response_header(i, name, value)
        if over_grpc:
            context.set_response_header(i, "ts_stream_next", "false")
        if status != 200:
            context.set_response_status(status, HTTPStatus(status).phrase, i)
    ids = {i: f"id-{i}" for i in range(len(answers))}
    expected = protocol.create_predict_response(
        [body for body, *_ in answers], ids, "Prediction success", 200, context
    )
    made = [
        Answer(body, HTTPStatus(status), "text/x" if own else "application/json", own)
        for body, status, _, own in answers
    ]
    headers = [Headers() if over_grpc else HTTP for _, _, over_grpc, _ in answers]
    batch = batch_io.Batch([i.encode() for i in ids.values()], [], headers)
    assert b"".join(batch_io.write(batch, [list(enumerate(made))])) == bytes(expected)


Part = tuple[bytes, bytes]


def messages(data: bytes) -> list[list[Part]]:
    """Read messages as TorchServe does; return id and body of each part."""
    at, read = 0, []

    def number() -> int:
        nonlocal at
        at += 4
        return int(struct.unpack_from("!i", data, at - 4)[0])

    def text(size: int | None = None) -> bytes:
        nonlocal at
        size = number() if size is None else size
        at += size
        return data[at - size : at]

    while at < len(data):
        assert (number(), text()) == (200, b"Prediction success")
        parts = []
        while (size := number()) >= 0:
            request, _ = text(size), text()
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
    same: Request = ({"Host": "a", "Content-Length": "3"}, {"body": b"[1]"})
    other: Request = ({"Host": "a", "Content-Length": "3", "X": "1"}, {"body": b"[2]"})
    more: list[Request] = [
        ({"Host": str(n)}, {"body": b"[]"}) for n in range(2 * batch_io.KNOWN_BLOCKS)
    ]
    batch = [same, other, same, *more, same, other]
    reader = reader_of(encode(batch))
    assert reader.read()[1].headers == [Headers(headers.items()) for headers, _ in batch]
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
