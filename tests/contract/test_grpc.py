"""gRPC: TorchServe's own service, generated from its definitions, and details of V2's."""

import contextlib
import json
import socket
import struct
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
from tritonclient.grpc import service_pb2 as v2
from tritonclient.grpc import service_pb2_grpc as v2_grpc

from server.store.archive import Archive
from server.torchserve import java
from server.torchserve.java import site_packages
from tests.support.server import Server
from tests.support.wait import wait_until


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The messages and the services that TorchServe's definitions describe."""
    folder = tmp_path_factory.mktemp("grpc")
    with zipfile.ZipFile(site_packages() / "ts/frontend/model-server.jar") as jar:
        for name in ("inference.proto", "open_inference_grpc.proto", "google/rpc/status.proto"):
            jar.extract(name, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        return grpc.protos_and_services("inference.proto")


@pytest.fixture
def ask(channel: grpc.Channel, definitions: Any) -> Any:
    """Return a function that calls a method of TorchServe's service with a body."""
    messages, services = definitions
    stub = services.InferenceAPIsServiceStub(channel)

    def call(method: str, body: bytes, field: str = "data", **keys: str) -> Any:
        request = messages.PredictionsRequest(model_name="doubleit", input={field: body}, **keys)
        return getattr(stub, method)(request, timeout=20)

    return call


@pytest.mark.parametrize("field", ["data", "body"])
@pytest.mark.parametrize("version", ["", "1.0"])
def test_a_body_is_read_as_over_http(ask: Any, field: str, version: str) -> None:
    answer = ask("Predictions", b'{"instances": [[1], 0.5]}', field, model_version=version)
    assert answer.prediction == b'{"predictions":[[2],1.0]}'


def test_an_error_is_an_answer_with_its_status_inside(ask: Any) -> None:
    # TorchServe only passes on a handler's status over HTTP.
    answer = json.loads(ask("Predictions", b'[1, "2"]').prediction)
    message = "Expected a number, got str - at $[1]"
    assert answer == {"code": 400, "type": "InvalidInput", "message": message, "error": message}
    answer = json.loads(ask("Predictions", b"[1]", "file").prediction)
    assert answer["message"].endswith("at the gRPC input")


def test_the_streaming_calls_cost_no_worker(server: Server, ask: Any) -> None:
    workers = server.worker_pids()
    assert [answer.prediction for answer in ask("StreamPredictions", b"[1]")] == [b"[2]"]
    assert set(workers) <= set(server.worker_pids())


def channel_to(server: Server, port: int | None = None) -> grpc.Channel:
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    return grpc.insecure_channel(f"127.0.0.1:{port or server.ports['GRPC_PORT']}", options=options)


@pytest.fixture
def channel(server: Server) -> Iterator[grpc.Channel]:
    with channel_to(server) as channel:
        yield channel


def infer_over(channel: grpc.Channel, compression: Any = None) -> Any:
    """Return a function that sends a V2 request: one input, and fields of the message."""
    stub = v2_grpc.GRPCInferenceServiceStub(channel)

    def call(datatype: str, shape: list[int], contents: Any = None, **fields: Any) -> Any:
        tensor = {"name": "x", "datatype": datatype, "shape": shape, "contents": contents}
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
    channel: grpc.Channel, datatype: str, shape: list[int], fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        infer_over(channel)(datatype, shape, **fields)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert message in error.value.details()


def test_unknown_fields_and_unpacked_lists_are_read(channel: grpc.Channel) -> None:
    # Contents may come in parts, and before the datatype.
    contents = b"\x2a\x02\x18\x01" + b"\x2a\x02\x18\x02"
    tensor = b"\x0a\x01x" + contents + b"\x18\x02" + b"\x12\x05INT64" + b"\xa0\x06\x01"
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
    fields: dict[str, Any] = {"raw_input_contents": [bytes(8 * count)]}
    if kind == "typed":
        # They take a byte each in the message, and eight as a tensor.
        fields = {"contents": {"int64_contents": [0] * count}}
    compression = grpc.Compression.Gzip if kind == "compressed" else None
    with channel_to(small) as channel, pytest.raises(grpc.RpcError) as error:
        infer_over(channel, compression)("INT64", [count], **fields)
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
            stopped.append(pool.submit(infer_over(channel), "INT64", [limit // 16], **raw))
            assert gone.wait(60)
        honest = infer_over(stack.enter_context(channel_to(small)))

        def is_answered() -> bool:
            try:
                return bool(honest("INT64", [limit // 16], **raw).raw_output_contents)
            except grpc.RpcError as error:
                assert error.code() is grpc.StatusCode.UNAVAILABLE
                return False

        assert not is_answered()
        wait_until(is_answered, "room for a large call")
        error: Any = stopped[0].exception(timeout=60)
        assert error.code() is grpc.StatusCode.UNAVAILABLE
