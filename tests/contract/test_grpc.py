"""gRPC: TorchServe's own service, generated from its definitions, and details of V2's."""

from __future__ import annotations

import contextlib
import importlib
import json
import socket
import struct
import sys
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf.empty_pb2 import Empty
from grpc_tools import _proto, protoc
from tritonclient.grpc import service_pb2 as v2
from tritonclient.grpc import service_pb2_grpc as v2_grpc

from server.store.archive import Archive
from server.torchserve import java
from server.torchserve.java import site_packages
from tests.support.server import Server
from tests.support.wait import wait_until

DEFINITIONS = ("inference.proto", "open_inference_grpc.proto", "google/rpc/status.proto")


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Generate the client's modules as described in TorchServe's documentation."""
    folder = tmp_path_factory.mktemp("grpc")
    with zipfile.ZipFile(site_packages() / "ts/frontend/model-server.jar") as jar:
        for name in DEFINITIONS:
            jar.extract(name, folder)
    common = Path(_proto.__path__[0])
    arguments = [f"-I{folder}", f"-I{common}", f"--python_out={folder}"]
    assert protoc.main(["", *arguments, f"--grpc_python_out={folder}", *DEFINITIONS]) == 0
    sys.path.insert(0, str(folder))
    yield importlib.import_module
    sys.path.remove(str(folder))


@pytest.fixture
def stub(channel: grpc.Channel, services: Any) -> Any:
    return services("inference_pb2_grpc").InferenceAPIsServiceStub(channel)


@pytest.fixture
def predict(stub: Any, services: Any) -> Any:
    """Return a function that sends a body and returns the response."""
    message = services("inference_pb2").PredictionsRequest

    def call(body: bytes, field: str = "data", **keys: str) -> bytes:
        request = message(model_name="doubleit", input={field: body}, **keys)
        answer: bytes = stub.Predictions(request, timeout=20).prediction
        return answer

    return call


@pytest.mark.parametrize("field", ["data", "body"])
@pytest.mark.parametrize("version", ["", "1.0"])
def test_a_body_is_read_as_over_http(predict: Any, field: str, version: str) -> None:
    body, answer = b'{"instances": [[1], 0.5]}', b'{"predictions":[[2],1.0]}'
    assert predict(body, field, model_version=version) == answer


def test_calls_at_once_get_their_own_answers(predict: Any) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: json.loads(predict(b"[%d]" % n)), range(300)))
    assert answers == [[2 * n] for n in range(300)]


def test_health(stub: Any) -> None:
    assert json.loads(stub.Ping(Empty(), timeout=20).health) == {"status": "Healthy"}


def test_an_error_is_an_answer_with_its_status_inside(predict: Any) -> None:
    # TorchServe only passes on a handler's status over HTTP.
    answer = json.loads(predict(b'[1, "2"]'))
    message = "Expected a number, got str - at $[1]"
    assert answer == {"code": 400, "type": "InvalidInput", "message": message, "error": message}
    assert json.loads(predict(b"[1]", "file"))["message"].endswith("at the gRPC input")


def test_the_streaming_calls_cost_no_worker(server: Server, stub: Any, services: Any) -> None:
    workers, message = server.worker_pids(), services("inference_pb2").PredictionsRequest
    request = message(model_name="doubleit", input={"data": b"[1]"})
    answers = [answer.prediction for answer in stub.StreamPredictions(request, timeout=20)]
    assert answers == [b"[2]"]
    assert set(workers) <= set(server.worker_pids())


def channel_to(server: Server, port: int | None = None) -> grpc.Channel:
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    return grpc.insecure_channel(f"127.0.0.1:{port or server.ports['GRPC_PORT']}", options=options)


@pytest.fixture
def channel(server: Server) -> Iterator[grpc.Channel]:
    with channel_to(server) as channel:
        yield channel


@pytest.fixture
def infer(channel: grpc.Channel) -> Any:
    return infer_over(channel)


def infer_over(channel: grpc.Channel, compression: Any = None) -> Any:
    """Return a function that sends a V2 request: one input, and fields of the message."""
    stub = v2_grpc.GRPCInferenceServiceStub(channel)

    def call(
        datatype: str, shape: list[int], contents: dict[str, Any] | None = None, **fields: Any
    ) -> Any:
        tensor = v2.ModelInferRequest.InferInputTensor(name="x", datatype=datatype, shape=shape)
        if contents:
            tensor.contents.MergeFrom(v2.InferTensorContents(**contents))
        request = v2.ModelInferRequest(model_name="doubleit", inputs=[tensor], **fields)
        return stub.ModelInfer(request, timeout=60, compression=compression)

    return call


RAW = struct.pack("<2q", 1, 2)
ONE: dict[str, Any] = {"contents": {"int64_contents": [1]}}
TWO: dict[str, Any] = {"contents": {"int64_contents": [1, 2]}}
SEQUENCE = {"sequence_id": v2.InferParameter(int64_param=3)}
MANY = [{"name": f"{n}"} for n in range(5000)]
BOTH = "Expected contents or raw_input_contents, got both - at inputs[0].contents"
COUNT = "Expected contents for each of the 1 inputs, got 2 - at raw_input_contents"
FIELD = "Expected int64_contents for INT64, got fp32_contents - at inputs[0].contents"
FITS = "128 does not fit INT8 - at inputs[0].contents"


@pytest.mark.parametrize(
    ("datatype", "shape", "fields", "message"),
    [
        ("INT64", [2], {"raw_input_contents": [RAW[:9]]}, "Expected 16 bytes for INT64"),
        ("INT64", [3], TWO, "Expected 24 bytes for INT64"),
        ("INT64", [1] * 40, ONE, "shape"),
        ("INT64", [2], {"raw_input_contents": [RAW, RAW]}, COUNT),
        ("INT64", [2], {**TWO, "raw_input_contents": [RAW]}, BOTH),
        ("INT64", [1], {"contents": {"fp32_contents": [1]}}, FIELD),
        ("INT8", [1], {"contents": {"int_contents": [128]}}, FITS),
        ("UINT16", [2], {"contents": {"uint_contents": [0, 1 << 16]}}, "uint_contents[1]"),
        ("FP16", [1], {"contents": {"fp32_contents": [1]}}, "FP16 has no typed contents"),
        ("INT64", [2], {**TWO, "outputs": [{"name": "a"}, {"name": "b"}]}, "a"),
        ("INT64", [1], {**ONE, "parameters": SEQUENCE}, "sequence_id is not supported"),
        ("INT64", [1], {**ONE, "outputs": MANY}, "more than 4096"),
    ],
)
def test_an_invalid_request_says_what_is_wrong(
    infer: Any, datatype: str, shape: list[int], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        infer(datatype, shape, **fields)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert message in error.value.details()


@pytest.mark.parametrize("packed", [False, True])
def test_unknown_fields_and_unpacked_lists_are_read(channel: grpc.Channel, packed: bool) -> None:
    shape = b"\x1a\x01\x02" if packed else b"\x18\x02"
    values = b"\x1a\x02\x01\x02" if packed else b"\x18\x01\x18\x02"
    # Contents may come in parts, and before the datatype.
    first, rest = values[: len(values) // 2], values[len(values) // 2 :]
    parts = (values,) if packed else (first, rest)
    contents = b"".join(b"\x2a" + bytes([len(part)]) + part for part in parts)
    tensor = b"\x0a\x01x" + contents + shape + b"\x12\x05INT64" + b"\xa0\x06\x01"
    message = b"\x0a\x08doubleit" + b"\x2a" + bytes([len(tensor)]) + tensor + b"\xfa\x07\x03abc"
    call = channel.unary_unary(
        "/inference.GRPCInferenceService/ModelInfer",
        response_deserializer=v2.ModelInferResponse.FromString,
    )
    assert list(call(message, timeout=20).raw_output_contents) == [struct.pack("<2q", 2, 4)]


def test_reflection_is_not_offered(channel: grpc.Channel) -> None:
    reflect = channel.stream_stream("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
    with pytest.raises(grpc.RpcError) as error:
        next(iter(reflect(iter([b""]), timeout=20)))
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_request_id_comes_back(channel: grpc.Channel) -> None:
    live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
    for sent, same in (("my-id.1", True), ("not valid", False)):
        _, call = live.with_call(b"", timeout=20, metadata=[("x-request-id", sent)])
        back = dict(call.initial_metadata())["x-request-id"]
        assert back
        assert (back == sent) is same


@pytest.fixture(scope="module")
def small(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with little memory."""
    log = tmp_path_factory.mktemp("small") / "log"
    with Server(store, log, environment={"MEMORY": "768MiB"}) as server:
        yield server


@pytest.fixture
def limit(small: Server, store: Path) -> int:
    """The largest request in bytes."""
    archives = [Archive("doubleit", "1.0", store / "doubleit-1.0.mar")]
    return java.limits(small.settings, archives).request


@pytest.mark.parametrize("kind", ["raw", "typed", "compressed"])
@pytest.mark.parametrize("times", [1, 30])
def test_larger_requests_than_the_limit_are_refused(
    small: Server, limit: int, kind: str, times: int
) -> None:
    count = times * limit // 8 + 1
    # Typed values take a byte each in the message, and eight as a tensor.
    contents = {"int64_contents": [0] * count} if kind == "typed" else None
    fields: dict[str, Any] = {} if contents else {"raw_input_contents": [bytes(8 * count)]}
    compression = grpc.Compression.Gzip if kind == "compressed" else None
    with channel_to(small) as channel, pytest.raises(grpc.RpcError) as error:
        infer_over(channel, compression)("INT64", [count], contents, **fields)
    assert error.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(limit) in error.value.details()


def test_large_calls_at_once_are_answered_or_refused(small: Server, limit: int) -> None:
    workers, java_pid = small.worker_pids(), small.java_pid()
    array = np.arange(limit // 16)
    raw = {"raw_input_contents": [array.tobytes()]}

    def attempt(_: int) -> grpc.StatusCode:
        try:
            (answer,) = call("INT64", [len(array)], **raw).raw_output_contents
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
        assert answer == (2 * array).tobytes()
        return grpc.StatusCode.OK

    with channel_to(small) as channel, ThreadPoolExecutor(16) as pool:
        call = infer_over(channel)
        codes = list(pool.map(attempt, range(64)))
        assert set(codes) <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
        assert grpc.StatusCode.OK in codes
        # What was held is free again.
        assert [attempt(n) for n in range(8)] == [grpc.StatusCode.OK] * 8
    assert (small.worker_pids(), small.java_pid()) == (workers, java_pid)


@contextmanager
def stopping(port: int, size: int) -> Iterator[tuple[int, threading.Event]]:
    """Pass on only the first `size` bytes of a connection; yield the port, and when they went."""
    gone = threading.Event()
    connections: list[socket.socket] = []

    def pass_on(source: socket.socket, target: socket.socket, most: int) -> None:
        with contextlib.suppress(OSError):
            while most > 0 and (data := source.recv(min(most, 1 << 16))):
                target.sendall(data)
                most -= len(data)

    def accept() -> None:
        client, server = listener.accept()[0], socket.create_connection(("127.0.0.1", port))
        connections.extend([client, server])
        threading.Thread(target=pass_on, args=(server, client, 1 << 40), daemon=True).start()
        pass_on(client, server, size)
        gone.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], gone
    for connection in connections:
        connection.close()


def test_calls_that_stop_within_a_message_make_room_for_others(small: Server, limit: int) -> None:
    raw = {"raw_input_contents": [bytes(limit // 16 * 8)]}
    with ThreadPoolExecutor(4) as pool, contextlib.ExitStack() as stack:
        stopped = []
        for _ in range(4):
            port, gone = stack.enter_context(stopping(small.ports["GRPC_PORT"], limit * 49 // 100))
            channel = stack.enter_context(channel_to(small, port))
            stopped.append(pool.submit(infer_over(channel), "INT64", [limit // 16], None, **raw))
            assert gone.wait(60)
        honest = infer_over(stack.enter_context(channel_to(small)))

        def is_answered() -> bool:
            try:
                return bool(honest("INT64", [limit // 16], None, **raw).raw_output_contents)
            except grpc.RpcError as error:
                assert error.code() is grpc.StatusCode.UNAVAILABLE
                return False

        assert not is_answered()
        wait_until(is_answered, "room for a large call")
        error: Any = stopped[0].exception(timeout=60)
        assert error.code() is grpc.StatusCode.UNAVAILABLE
