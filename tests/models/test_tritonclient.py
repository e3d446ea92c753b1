"""NVIDIA's clients: binary tensors over HTTP, JSON, and gRPC."""

import itertools
from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from tritonclient.grpc import service_pb2 as v2
from tritonclient.utils import np_to_triton_dtype, triton_to_np_dtype

from tests.contract.test_tritonclient import Client
from tests.models.conftest import Serving
from tests.models.kinds import KINDS, Kind
from tests.models.test_forms import same

DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", ml_dtypes.bfloat16, "float32", "float64"),
)


@pytest.fixture
def client(serving: Serving, protocol: str) -> Iterator[Client]:
    client = Client(serving, protocol)
    with client.raw:
        yield client


@pytest.mark.parametrize("protocol", ["http, binary", "grpc"])
def test_every_datatype_and_shape_comes_back(client: Client) -> None:
    for dtype, shape in itertools.product(DTYPES, [(6,), (1, 6, 1), (3, 0)]):
        array = np.arange(np.prod(shape)).astype(dtype).reshape(shape)
        tensor = client.tensor(array, np_to_triton_dtype(array.dtype))
        answer = client.infer("echo", [tensor], outputs=[client.output("output")])
        got = answer.as_numpy("output")
        assert (got.dtype, got.shape) == (array.dtype, array.shape)
        assert np.array_equal(got, array)


@pytest.mark.parametrize("protocol", ["http", "http, binary", "grpc"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_models_answer_as_a_direct_call_with_all_outputs_or_one(
    serving: Serving, client: Client, kind: Kind
) -> None:
    inputs = kind.ask(torch.Generator().manual_seed(2), 2)
    tensors = [
        client.tensor(each.numpy(), np_to_triton_dtype(each.numpy().dtype), argument)
        for argument, each in inputs.items()
    ]
    direct = kind.answer(serving.module(kind), inputs)
    for chosen in (kind.outputs, kind.outputs[-1:]):
        answer = client.infer(kind.name, tensors, outputs=[client.output(each) for each in chosen])
        for output, expected in direct.items():
            got = answer.as_numpy(output)
            assert (got is not None) == (output in chosen)
            if output in chosen:
                same(kind, torch.tensor(got), expected)


@pytest.mark.parametrize("protocol", ["grpc"])
@pytest.mark.parametrize(
    ("datatype", "contents"),
    [
        ("BOOL", {"bool_contents": [True, False]}),
        ("UINT64", {"uint64_contents": [2**64 - 1, 1]}),
        ("INT64", {"int64_contents": [-(2**63), 1]}),
        ("INT8", {"int_contents": [-128, 127]}),
        ("INT16", {"int_contents": [-(2**15), 2**15 - 1]}),
        ("INT32", {"int_contents": [-(2**31), 2**31 - 1]}),
        ("UINT8", {"uint_contents": [255, 0]}),
        ("UINT16", {"uint_contents": [2**16 - 1, 0]}),
        ("UINT32", {"uint_contents": [2**32 - 1, 0]}),
        ("FP32", {"fp32_contents": [0.5, -0.0]}),
        ("FP64", {"fp64_contents": [float("inf"), -0.0]}),
    ],
)
def test_typed_contents_keep_their_extreme_values(
    client: Client, datatype: str, contents: dict[str, Any]
) -> None:
    tensor = v2.ModelInferRequest.InferInputTensor(name="x", datatype=datatype, shape=[2])
    tensor.contents.MergeFrom(v2.InferTensorContents(**contents))
    request = v2.ModelInferRequest(model_name="echo", inputs=[tensor])
    answer = client._client_stub.ModelInfer(request, timeout=60)
    (values,) = contents.values()
    expected = np.array(values, dtype=triton_to_np_dtype(datatype))
    assert list(answer.raw_output_contents) == [expected.tobytes()]
