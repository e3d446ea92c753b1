"""gRPC with TorchServe's own service, generated from the definitions in its wheel."""

from __future__ import annotations

import importlib
import json
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from grpc_tools import _proto, protoc

from server.torchserve.java import site_packages
from tests.support.server import Server

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
def predict(server: Server, services: Any) -> Iterator[Any]:
    """Return a function that sends a body and returns the response."""
    messages, stubs = services("inference_pb2"), services("inference_pb2_grpc")
    with grpc.insecure_channel(f"127.0.0.1:{server.ports['GRPC_PORT']}") as channel:
        stub = stubs.InferenceAPIsServiceStub(channel)

        def call(body: bytes, field: str = "data", **keys: str) -> bytes:
            request = messages.PredictionsRequest(
                model_name="doubleit", input={field: body}, **keys
            )
            answer: bytes = stub.Predictions(request, timeout=20).prediction
            return answer

        yield call


@pytest.mark.parametrize("field", ["data", "body"])
@pytest.mark.parametrize("version", ["", "1.0"])
@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b"[1, 2, 3]", b"[2,4,6]"),
        (b"[9007199254740993]", b"[18014398509481986]"),
        (b'{"instances": [[1], 0.5]}', b'{"predictions":[[2],1.0]}'),
        (
            b'{"inputs": [{"name": "x", "shape": [1], "datatype": "INT8", "data": [3]}]}',
            b'{"model_name":"doubleit","model_version":"1.0","outputs":'
            b'[{"name":"output","shape":[1],"datatype":"INT8","data":[6]}]}',
        ),
    ],
)
def test_every_format_works(
    predict: Any, body: bytes, answer: bytes, field: str, version: str
) -> None:
    assert predict(body, field, model_version=version) == answer


def test_calls_at_once_get_their_own_answers(predict: Any) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: json.loads(predict(b"[%d]" % n)), range(300)))
    assert answers == [[2 * n] for n in range(300)]


def test_health(server: Server, services: Any) -> None:
    stubs = services("inference_pb2_grpc")
    with grpc.insecure_channel(f"127.0.0.1:{server.ports['GRPC_PORT']}") as channel:
        health = stubs.InferenceAPIsServiceStub(channel).Ping(Empty(), timeout=20).health
    assert json.loads(health) == {"status": "Healthy"}


def test_an_error_is_an_answer_with_its_status_inside(predict: Any) -> None:
    # TorchServe only passes on a handler's status over HTTP.
    answer = json.loads(predict(b'[1, "2"]'))
    message = "Expected a number, got str - at $[1]"
    assert answer == {"code": 400, "type": "InvalidInput", "message": message, "error": message}
    assert json.loads(predict(b"[1]", "file"))["message"].endswith("at the gRPC input")


def test_the_streaming_calls_cost_no_worker(server: Server, services: Any) -> None:
    messages, stubs = services("inference_pb2"), services("inference_pb2_grpc")
    workers = server.worker_pids()
    with grpc.insecure_channel(f"127.0.0.1:{server.ports['GRPC_PORT']}") as channel:
        stub = stubs.InferenceAPIsServiceStub(channel)
        request = messages.PredictionsRequest(model_name="doubleit", input={"data": b"[1]"})
        answers = [answer.prediction for answer in stub.StreamPredictions(request, timeout=20)]
    assert answers == [b"[2]"]
    assert set(workers) <= set(server.worker_pids())


def test_stock_clients_of_the_open_inference_protocol_find_no_service(server: Server) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{server.ports['GRPC_PORT']}") as channel:
        live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
        with pytest.raises(grpc.RpcError) as error:
            live(b"", timeout=20)
    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED
