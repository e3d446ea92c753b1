"""NVIDIA's client with its defaults: binary tensors in requests and responses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import torch
from tritonclient import http
from tritonclient.utils import np_to_triton_dtype

from tests.models.kinds import BY_NAME
from tests.models.serving import Serving
from tests.models.test_forms import same

DTYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", ml_dtypes.bfloat16, "float32", "float64"),
)


@pytest.fixture
def client(serving: Serving) -> Iterator[Any]:
    with http.InferenceServerClient(serving.server.url.removeprefix("http://")) as client:
        yield client


def given(name: str, array: Any, datatype: str = "", *, binary: bool = True) -> Any:
    tensor = http.InferInput(name, list(array.shape), datatype or np_to_triton_dtype(array.dtype))
    tensor.set_data_from_numpy(array, binary_data=binary)
    return tensor


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(6,), (2, 3), (1, 6, 1), (0,), (3, 0)])
def test_every_datatype_and_shape_comes_back(
    serving: Serving, client: Any, dtype: Any, shape: tuple[int, ...]
) -> None:
    serving.module(BY_NAME["echo"])
    array = np.arange(np.prod(shape)).astype(dtype).reshape(shape)
    answer = client.infer("echo", [given("x", array)], request_id="42")
    got = answer.as_numpy("output")
    assert (got.dtype, got.shape) == (array.dtype, array.shape)
    assert np.array_equal(got, array)
    assert answer.get_response()["id"] == "42"


@pytest.mark.parametrize("name", ["resnet", "wide_and_deep", "encoder", "autoencoder", "detector"])
@pytest.mark.parametrize("binary", [True, False])
def test_real_models_answer_as_a_direct_call(
    serving: Serving, client: Any, name: str, binary: bool
) -> None:
    kind = BY_NAME[name]
    module = serving.module(kind)
    inputs = kind.ask(torch.Generator().manual_seed(2), 2)
    tensors = [given(each, tensor.numpy(), binary=binary) for each, tensor in inputs.items()]
    answer = client.infer(name, tensors)
    for output, expected in kind.answer(module, inputs).items():
        same(kind, torch.tensor(answer.as_numpy(output)), expected)


@pytest.mark.parametrize("binary", [True, False])
def test_only_the_outputs_that_are_asked_for_are_answered(
    serving: Serving, client: Any, binary: bool
) -> None:
    kind = BY_NAME["autoencoder"]
    serving.module(kind)
    inputs = kind.ask(torch.Generator().manual_seed(2), 2)
    wanted = [http.InferRequestedOutput("error", binary_data=binary)]
    answer = client.infer(kind.name, [given("x", inputs["x"].numpy())], outputs=wanted)
    assert [output["name"] for output in answer.get_response()["outputs"]] == ["error"]
    assert answer.as_numpy("error").shape == (2,)


def test_errors_reach_the_caller_with_their_message(serving: Serving, client: Any) -> None:
    serving.module(BY_NAME["resnet"])
    with pytest.raises(http.InferenceServerException, match="shape") as error:
        client.infer("resnet", [given("image", np.zeros((1, 4, 224, 224), np.float32))])
    assert error.value.status() == "400"
