"""NVIDIA's clients for the Open Inference Protocol, over HTTP and gRPC."""

import ast
import asyncio
import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tritonclient import grpc, http
from tritonclient.utils import InferenceServerException

from server.store.paths import ROOT
from tests.support.server import Server


class Client:
    """Calls the methods that both of NVIDIA's clients have."""

    def __init__(self, server: Server, protocol: str) -> None:
        self.is_grpc = protocol == "grpc"
        self.binary = protocol == "http, binary"
        self.module = grpc if self.is_grpc else http
        port = server.ports["GRPC_PORT" if self.is_grpc else "PORT"]
        self.raw = self.module.InferenceServerClient(f"127.0.0.1:{port}")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)

    def tensor(self, array: Any, datatype: str, name: str = "x") -> Any:
        made = self.module.InferInput(name, list(array.shape), datatype)
        made.set_data_from_numpy(array, **self._binary)
        return made

    def output(self, name: str) -> Any:
        return self.module.InferRequestedOutput(name, **self._binary)

    @property
    def _binary(self) -> dict[str, bool]:
        return {} if self.is_grpc else {"binary_data": self.binary}


@pytest.fixture(params=["http", "http, binary", "grpc"])
def client(server: Server, request: pytest.FixtureRequest) -> Iterator[Client]:
    client = Client(server, request.param)
    with client.raw:
        yield client


def test_bodies_are_compressed_both_ways(client: Client) -> None:
    numbers = np.arange(10_000)
    both = ("request_compression_algorithm", "response_compression_algorithm")
    options = dict.fromkeys(["compression_algorithm"] if client.is_grpc else both, "gzip")
    outputs = [client.output("output")]
    result = client.infer("doubleit", [client.tensor(numbers, "INT64")], outputs=outputs, **options)
    assert np.array_equal(result.as_numpy("output"), numbers * 2)


def test_each_version_is_described_and_answers(client: Client) -> None:
    options = {"as_json": True} if client.is_grpc else {}
    server = client.get_server_metadata(**options)
    assert (server["name"], server["version"]) == ("torchserve", "0.12.0")
    tensor = client.tensor(np.array([[3]], np.int8), "INT8")
    for version in ("", "1.0"):
        metadata = client.get_model_metadata("doubleit", version, **options)
        assert (metadata["name"], metadata["versions"]) == ("doubleit", ["1.0"])
        assert metadata["inputs"][0]["datatype"] == "INT64"
        # As JSON, protobuf writes 64-bit integers as strings.
        assert [int(size) for size in metadata["outputs"][0]["shape"]] == [-1]
        result = client.infer("doubleit", [tensor], version, request_id="42")
        response = result.get_response(**options)
        found = tuple(response[name] for name in ("id", "model_name", "model_version"))
        assert found == ("42", "doubleit", "1.0")
        output = result.as_numpy("output")
        assert (output.dtype, output.tolist()) == (np.int8, [[6]])


def calls() -> Iterator[Any]:
    """Yield the calls of the table in docs/api.md, with their results over HTTP and gRPC."""
    _, _, table = (ROOT / "docs" / "api.md").read_text().partition("| call | HTTP | gRPC |\n")
    for line in table.partition("\n\n")[0].splitlines()[1:]:
        call, *results = (cell.strip().strip("`") for cell in line.strip("|").split("|"))
        for protocol, result in zip(("http", "grpc"), results, strict=True):
            yield pytest.param(protocol, call, result, id=f"{protocol} {call}")


@pytest.mark.parametrize(("protocol", "call", "result"), [*calls()])
@pytest.mark.parametrize("module", ["", ".aio"])
def test_every_call_ends_as_the_documentation_says(
    server: Server, protocol: str, call: str, result: str, module: str
) -> None:
    port = server.ports["PORT" if protocol == "http" else "GRPC_PORT"]
    library = importlib.import_module(f"tritonclient.{protocol}{module}")
    name, _, rest = call.removesuffix(")").partition("(")
    arguments = ast.literal_eval(f"[{rest}]")
    if name == "infer":
        tensor = library.InferInput("x", [1], "INT64")
        arguments.append([tensor.set_data_from_numpy(np.array([3]))])

    async def ask() -> Any:
        client = library.InferenceServerClient(f"127.0.0.1:{port}")
        try:
            answer = getattr(client, name)(*arguments)
            return await answer if module else answer
        finally:
            closed = client.close()
            if module:
                await closed

    try:
        answer = asyncio.run(ask())
    except InferenceServerException as error:
        assert str(error.status()).removeprefix("StatusCode.") == result
        return
    if name == "infer":
        answer = answer.as_numpy("output").tolist()
    assert result in {str(answer), "answered"}
