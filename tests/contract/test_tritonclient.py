"""NVIDIA's client for the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from tritonclient import http

from tests.support.server import Server


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with http.InferenceServerClient(server.url.removeprefix("http://")) as client:
        yield client


def tensor(array: Any, datatype: str, *, binary: bool = False) -> Any:
    made = http.InferInput("x", list(array.shape), datatype)
    made.set_data_from_numpy(array, binary_data=binary)
    return made


@pytest.mark.parametrize(
    ("dtype", "datatype"),
    [
        ("int8", "INT8"),
        ("int16", "INT16"),
        ("int32", "INT32"),
        ("int64", "INT64"),
        ("uint8", "UINT8"),
        ("uint16", "UINT16"),
        ("uint32", "UINT32"),
        ("float32", "FP32"),
        ("float64", "FP64"),
    ],
)
@pytest.mark.parametrize("shape", [(6,), (2, 3), (1, 6, 1), (0,)])
@pytest.mark.parametrize("binary", [False, True])
def test_every_datatype_and_shape_comes_back_doubled(
    client: Any, dtype: str, datatype: str, shape: tuple[int, ...], binary: bool
) -> None:
    array = np.arange(np.prod(shape), dtype=dtype).reshape(shape)
    result = client.infer("doubleit", [tensor(array, datatype, binary=binary)], request_id="42")
    doubled = result.as_numpy("output")
    assert doubled.dtype == array.dtype
    assert np.array_equal(doubled, array * 2)
    response = result.get_response()
    assert (response["id"], response["model_name"], response["model_version"]) == (
        "42",
        "doubleit",
        "1.0",
    )


def test_exact_integers_and_floats_survive(client: Any) -> None:
    integers = np.array([2**53 + 1, -(2**62), 2**62 - 1])
    result = client.infer("doubleit", [tensor(integers, "INT64")])
    assert result.as_numpy("output").tolist() == [2 * n for n in integers.tolist()]
    floats = np.array([0.1, -0.0, 5e-324])
    result = client.infer("doubleit", [tensor(floats, "FP64")])
    assert result.as_numpy("output").tobytes() == (floats * 2).tobytes()


@pytest.mark.parametrize("binary", [False, True])
def test_an_output_may_be_asked_for_by_name(client: Any, binary: bool) -> None:
    wanted = http.InferRequestedOutput("doubled", binary_data=binary)
    result = client.infer("doubleit", [tensor(np.array([3]), "INT64")], outputs=[wanted])
    assert result.as_numpy("doubled").tolist() == [6]


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_bodies_are_compressed_both_ways(client: Any, algorithm: str) -> None:
    numbers = np.arange(10_000)
    result = client.infer(
        "doubleit",
        [tensor(numbers, "INT64")],
        outputs=[http.InferRequestedOutput("output", binary_data=False)],
        request_compression_algorithm=algorithm,
        response_compression_algorithm="gzip",
    )
    assert np.array_equal(result.as_numpy("output"), numbers * 2)


def test_health_metadata_and_versions(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata()["extensions"] == ["binary_tensor_data"]
    assert client.get_model_repository_index() == [
        {"name": "doubleit", "version": "1.0", "state": "READY", "reason": ""}
    ]
    for version in ("", "1.0"):
        assert client.is_model_ready("doubleit", version)
        metadata = client.get_model_metadata("doubleit", version)
        assert (metadata["name"], metadata["versions"]) == ("doubleit", ["1.0"])
        result = client.infer("doubleit", [tensor(np.array([3]), "INT64")], version)
        assert result.as_numpy("output").tolist() == [6]


def test_unknown_models_and_versions(client: Any) -> None:
    for name, version in (("none", ""), ("doubleit", "9.9")):
        assert not client.is_model_ready(name, version)
        with pytest.raises(http.InferenceServerException, match=f"{name}|9.9") as error:
            client.get_model_metadata(name, version)
        assert error.value.status() == "404"


@pytest.mark.parametrize("call", ["get_model_config", "get_inference_statistics", "load_model"])
def test_other_extensions_are_not_found(client: Any, call: str) -> None:
    with pytest.raises(http.InferenceServerException, match="not found") as error:
        getattr(client, call)("doubleit")
    assert error.value.status() == "404"


@pytest.mark.parametrize(
    ("array", "datatype", "message"),
    [
        (np.array([True]), "BOOL", "Datatype 'BOOL' is not supported"),
        (np.array([100], dtype="int8"), "INT8", "200 does not fit INT8"),
    ],
)
def test_errors_reach_the_caller_with_their_message(
    client: Any, array: Any, datatype: str, message: str
) -> None:
    with pytest.raises(http.InferenceServerException, match=message) as error:
        client.infer("doubleit", [tensor(array, datatype)])
    assert error.value.status() == "400"


def test_concurrent_calls_get_their_own_answers(server: Server) -> None:
    address = server.url.removeprefix("http://")
    with http.InferenceServerClient(address, concurrency=8) as many:
        pending = [
            many.async_infer("doubleit", [tensor(np.array([n]), "INT64")]) for n in range(200)
        ]
        answers = [call.get_result().as_numpy("output").tolist() for call in pending]
    assert answers == [[2 * n] for n in range(200)]
