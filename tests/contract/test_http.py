"""HTTP at its edges: invalid, unusual and compressed requests, and the headers of responses."""

import gzip
import json
import re
import socket
import uuid
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient import grpc
from tritonclient.utils import InferenceServerException

from server import memory
from tests.support import raw
from tests.support.server import Server
from tests.support.wait import wait_until

POST = b"POST /predictions/doubleit HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
# Longer than a megabyte when it is unpacked, which compresses to a thousandth.
LONG = b"[1" + b",1" * 600_000 + b"]"
LARGE = b"Content-Length: 99999999\r\n\r\n"
# What follows a refused request and must not be run as a request of its own.
SMUGGLED = raw.request(b"[5]")


def last(server: Server, headers: bytes, body: bytes = b"[1]", *, close: bool = True) -> raw.Answer:
    """Send a request and another one; return the response to the first, which must be the last."""
    lines = headers + b"Connection: close\r\n" * close
    head = POST + lines + b"Content-Length: %d\r\n\r\n" % len(body)
    (answer,) = raw.pipeline(server.ports["PORT"], [head + body, SMUGGLED])
    return answer


LENGTH = "Content-Length must be one number of bytes in decimal digits"
TARGET = "The target of the request must be a path that begins with /"
NO_HTTP = "The request is not valid HTTP"
REFUSED = [
    *(
        (POST + b"Content-Length: %b\r\n\r\n[1]" % length, 400, LENGTH)
        for length in (b"0x3", b"3, 3", b"", b"%d" % 2**63, b"-5", b"+3")
    ),
    (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n[1]", 400, NO_HTTP),
    (CHUNKED + b"-1\r\n[1]\r\n0\r\n\r\n", 400, "The request's body is not valid HTTP"),
    (b"GET ping HTTP/1.1\r\nHost: x\r\n\r\n", 400, TARGET),
    (b"GET * HTTP/1.1\r\nHost: x\r\n\r\n", 400, TARGET),
    (b"GET /%zz HTTP/1.1\r\n\r\n", 400, "has a % without two hexadecimal digits"),
    (POST + b"a: %b\r\n\r\n" % (b"b" * 9000), 400, "HTTP header is larger than 8192"),
    (POST + b"Expect: 100-continue\r\n" + LARGE, 413, "The body is larger than"),
    (POST + LARGE, 413, "The body is larger than"),
    (POST + b"Expect: a coffee\r\nContent-Length: 3\r\n\r\n[1]", 417, "The only expectation that"),
    (b"GET /none HTTP/1.1\r\n\r\n", 404, "Requested resource is not found"),
    (b"PUT / HTTP/1.1\r\n\r\n", 405, "Requested method is not allowed"),
]


@pytest.mark.parametrize(("sent", "status", "message"), REFUSED, ids=[it[2] for it in REFUSED])
@pytest.mark.parametrize("before", [0, 3], ids=["", "pipelined"])
def test_a_refused_request_gets_a_reason_and_ends_the_connection(
    server: Server, before: int, sent: bytes, status: int, message: str
) -> None:
    requests = [*[raw.request(b"[1]")] * before, sent, SMUGGLED]
    answers = raw.pipeline(server.ports["PORT"], requests)
    assert [answer.status for answer in answers] == [200] * before + [status]
    body = json.loads(answers[-1].body)
    assert body["code"] == status
    assert message in body["message"]
    assert body["error"] == body["message"]
    assert body["type"]
    assert answers[-1].headers["connection"] == "close"
    assert answers[-1].headers["x-request-id"]


def test_the_rest_of_an_upload_that_is_too_large_is_read(server: Server) -> None:
    body = b" " * (memory.LARGEST_REQUEST_BYTES + (8 << 20))
    with raw.connect(server.ports["PORT"]) as client:
        # Without it the client would be reset here, or while it reads.
        assert raw.ask(client, raw.request(body)).status == 413


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (raw.request(LONG) * 5, [200] * 5),
        (raw.request(b"[1]", length=5), [400]),
        (CHUNKED + b"3\r\n[1]\r\n", [400]),
        (b"", []),
    ],
    ids=["complete", "short", "chunked", "nothing"],
)
def test_a_client_that_shuts_its_sending_side_gets_its_responses_and_the_end(
    server: Server, sent: bytes, statuses: list[int]
) -> None:
    with raw.connect(server.ports["PORT"]) as client, client.makefile("rb") as stream:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        for status in statuses:
            answer = raw.read(stream)
            assert answer
            assert answer.status == status
        assert raw.read(stream) is None


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("GZIP", gzip.compress(b"[1") + gzip.compress(LONG[2:])),
        ("x-gzip", gzip.compress(LONG)),
        ("deflate", zlib.compress(LONG)),
        ("deflate", zlib.compress(LONG, wbits=-15)),
        ("identity", LONG),
    ],
    ids=["two members", "x-gzip", "deflate", "raw deflate", "identity"],
)
def test_compressed_bodies_are_unpacked(server: Server, encoding: str, packed: bytes) -> None:
    answer = last(server, b"Content-Encoding: %b\r\n" % encoding.encode(), packed)
    assert (answer.status, answer.body) == (200, LONG.replace(b"1", b"2"))


OTHER = "The body is not what its Content-Encoding says"
TOO_LARGE = gzip.compress(b" " * (memory.LARGEST_REQUEST_BYTES + 1))


@pytest.mark.parametrize(
    ("encoding", "packed", "status", "message"),
    [
        ("gzip", b"not compressed at all", 400, OTHER),
        ("gzip", gzip.compress(LONG)[:-8] + b"checksum", 400, OTHER),
        ("gzip", gzip.compress(LONG)[:-500], 400, "Not JSON"),
        ("gzip", TOO_LARGE, 413, "The body is larger than"),
        ("br", b"x", 415, "Content-Encoding: br"),
        ("gzip, gzip", gzip.compress(gzip.compress(b"[1]")), 415, "Content-Encoding: gzip, gzip"),
    ],
    ids=["other bytes", "checksum", "cut", "too large", "br", "twice"],
)
def test_a_body_that_cannot_be_unpacked_is_refused(
    server: Server, encoding: str, packed: bytes, status: int, message: str
) -> None:
    answer = last(server, b"Content-Encoding: %b\r\n" % encoding.encode(), packed, close=False)
    assert answer.status == status
    assert message in json.loads(answer.body)["error"]


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        (None, False),
        ("deflate, GZIP;q=0.5", True),
        ("br, identity", False),
        ("gzip ; q=0.000", False),
    ],
)
def test_large_json_is_compressed_for_clients_that_accept_it(
    server: Server, accepted: str | None, packed: bool
) -> None:
    headers = b"Accept-Encoding: %b\r\n" % accepted.encode() if accepted else b""
    answer = last(server, headers, LONG)
    assert answer.headers.get("content-encoding") == ("gzip" if packed else None)
    assert answer.headers["vary"] == "accept-encoding"
    body = gzip.decompress(answer.body) if packed else answer.body
    assert body == LONG.replace(b"1", b"2")
    small = last(server, headers)
    assert small.body == b"[2]"
    assert not {"vary", "content-encoding"} & set(small.headers)


@pytest.mark.parametrize("body", [b"[1]", b"["], ids=["success", "error"])
@pytest.mark.parametrize(
    ("sent", "kept"),
    [("a-Z.0:/+=@_", True), ("x" * 128, True), ("x" * 129, False), ("a b", False), ('"', False)],
)
def test_a_request_id_comes_back(server: Server, body: bytes, sent: str, *, kept: bool) -> None:
    answer = last(server, b"X-Request-ID: %b\r\n" % sent.encode(), body)
    assert (answer.headers["x-request-id"] == sent) == kept


@pytest.fixture(scope="module")
def logging_server(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    environment = {"ACCESS_LOG": "info", "GOOGLE_CLOUD_PROJECT": "example"}
    log = tmp_path_factory.mktemp("server") / "log"
    with Server(store, log, environment=environment) as server:
        yield server


TRACE = "0123456789abcdef" * 2
TRACED = {"trace": TRACE, "logging.googleapis.com/trace": f"projects/example/traces/{TRACE}"}
SPAN = {
    "logging.googleapis.com/spanId": "0123456789abcdef",
    "logging.googleapis.com/trace_sampled": True,
}


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        (f"traceparent: 00-{TRACE}-0123456789abcdef-01\r\n", TRACED | SPAN),
        (f"X-Cloud-Trace-Context: {TRACE}/1;o=1\r\n", TRACED),
        ("traceparent: 00-x-y-z\r\n", {}),
    ],
    ids=["traceparent", "Google's", "invalid"],
)
def test_the_access_log_has_a_line_for_each_request(
    logging_server: Server, headers: str, fields: dict[str, Any]
) -> None:
    identifier = uuid.uuid4().hex
    sent = f"x-request-id: {identifier}\r\n{headers}".encode()
    last(logging_server, sent, b"[1, 2]")
    expected = {"path": "/predictions/doubleit", "bytes": 5, **fields}
    assert logged(logging_server, identifier) == expected


def logged(server: Server, identifier: str) -> dict[str, Any]:
    """Return the fields that the line of a request does not share with other lines."""
    line_end = re.compile(rf"{identifier}.*\n")
    wait_until(lambda: line_end.search(server.output()), "the line of the request")
    (text,) = re.findall(rf".*{identifier}.*", server.output())
    fields: dict[str, Any] = json.loads(text)
    assert fields.pop("time").endswith("Z")
    milliseconds = fields.pop("ms")
    assert 0 < milliseconds < 60_000
    assert 0 <= fields.pop("queue_ms") < milliseconds
    common = {"level": "INFO", "logger": "ACCESS_LOG", "method": "POST", "status": 200}
    common |= {"model": "doubleit", "version": "1.0", "id": identifier}
    assert {name: fields.pop(name) for name in common} == common
    return fields


@pytest.mark.parametrize(("number", "code"), [(1, "OK"), (100, "INVALID_ARGUMENT")])
def test_a_line_of_a_grpc_call(logging_server: Server, number: int, code: str) -> None:
    identifier = uuid.uuid4().hex
    traced = {"x-request-id": identifier, "traceparent": f"00-{TRACE}-0123456789abcdef-00"}
    tensor = grpc.InferInput("x", [1], "INT8").set_data_from_numpy(np.array([number], np.int8))
    address = f"127.0.0.1:{logging_server.ports['GRPC_PORT']}"
    with grpc.InferenceServerClient(address) as client, suppress(InferenceServerException):
        client.infer("doubleit", [tensor], headers=traced)
    found = logged(logging_server, identifier)
    assert (found.pop("bytes") > 0) is (code == "OK")
    path = {"path": "/inference.GRPCInferenceService/ModelInfer"}
    sampled = {"logging.googleapis.com/trace_sampled": False}
    assert found == {**path, "grpc": code, **TRACED, **SPAN, **sampled}
