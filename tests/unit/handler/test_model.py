import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import torch
from torch import nn

import samples
import settings
from merging import Result
from model import Model
from module import ModelError
from tests.support import models
from tests.unit.handler import modules
from wire.datatypes import Tensor, natural
from wire.errors import RequestError
from wire.inputs import check_shape
from wire.interface import Call, Outputs
from wire.v1 import Calls

CPU = torch.device("cpu")
FP32: dict[str, Any] = {"datatype": "FP32", "shape": [-1, 4]}


Source: TypeAlias = nn.Module | Callable[..., Any]


def load(module: Source, folder: Path, **model: Any) -> Model:
    path = models.save(module, folder / "m.pt")
    return Model(path, settings.read({"model": model}), CPU, "m", "1.0")


def call(**arrays: Any) -> dict[str, Tensor]:
    return {name: natural(np.array(array)) for name, array in arrays.items()}


def ran(model: Model, calls: Sequence[Call]) -> Sequence[Result]:
    """Return the results of the calls of a request, in order."""
    *_, finished = model.runner.run([Calls(calls, [None] * len(calls))])
    ((_, results),) = finished
    return results


def values(result: Outputs | ModelError) -> dict[str, Any]:
    assert not isinstance(result, ModelError), result
    return {name: tensor.array.tolist() for name, tensor in result.items()}


MLP_OUTPUTS = [
    {"name": "logits", "datatype": "FP32", "shape": [-1, 3]},
    {"name": "label", "datatype": "INT64", "shape": [-1]},
]


@pytest.mark.parametrize(
    ("limit", "error", "found"),
    [
        ("", "None", MLP_OUTPUTS),
        ("SECONDS", "only some were run: a row .* so that batch: rows is not checked", MLP_OUTPUTS),
        ("INPUT_BYTES", "none was run: the inputs of", []),
    ],
)
def test_samples_find_the_outputs_within_limits_and_say_what_did_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, error: str, found: Any
) -> None:
    if limit:
        monkeypatch.setattr(samples, limit, 1e-9)
    model = load(modules.Mlp(), tmp_path, batch="rows", inputs={"features": FP32})
    assert model.description["outputs"] == found
    assert re.match(error, str(model.sample_error))


def test_nothing_is_invented_of_what_is_not_known(tmp_path: Path) -> None:
    model = load(modules.Optionals(), tmp_path)
    assert {key: model.description[key] for key in ("inputs", "outputs", "batch")} == {
        "inputs": [
            {"name": "self_"},
            {"name": "mask", "optional": True},
            {"name": "k", "datatype": "INT64", "shape": [1], "optional": True},
            {"name": "scale", "datatype": "FP64", "shape": [1], "optional": True},
            {"name": "flip", "datatype": "BOOL", "shape": [1], "optional": True},
        ],
        "outputs": [],
        "batch": "none",
    }


def test_samples_that_the_model_refuses_are_reported(tmp_path: Path) -> None:
    model = load(
        nn.Linear(3, 3), tmp_path, inputs={"input": {"datatype": "INT64", "shape": [-1, 3]}}
    )
    assert "must have the same dtype" in str(model.sample_error)


COMPILED: dict[str, Callable[[nn.Module], Any]] = {
    "scripted": torch.jit.script,
    "traced": lambda module: torch.jit.trace(module, torch.rand(2, 4)),
    "frozen": lambda module: torch.jit.freeze(torch.jit.script(module)),
    "function": lambda module: torch.jit.trace(lambda input: module(input), torch.rand(2, 4)),  # noqa: A006, PLW0108
}


@pytest.mark.parametrize("kind", COMPILED)
def test_however_it_was_compiled_it_returns_what_torch_does(tmp_path: Path, kind: str) -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.Tanh()).eval().requires_grad_(False)
    path = tmp_path / "m.pt"
    torch.jit.save(COMPILED[kind](module), str(path))
    model = Model(path, settings.read({"model": {"inputs": {"input": FP32}}}), CPU, "m", "1.0")
    rows = np.random.default_rng(1).random((5, 4), np.float32)
    (result,) = ran(model, [{"input": natural(rows)}])
    with torch.inference_mode():
        expected = module(torch.from_numpy(rows))
    assert values(result) == {"output": expected.tolist()}


def test_optional_inputs_and_numbers(tmp_path: Path) -> None:
    model = load(modules.Optionals(), tmp_path, outputs=["scaled", "total"])
    for more, scaled, total in (
        ({}, [1.0, 2.0], 3.0),
        ({"k": 4}, [2.0, 4.0], 6.0),
        ({"mask": [0.0, 1.0], "flip": True, "scale": 1.5}, [-0.0, -6.0], 6.0),
    ):
        (result,) = ran(model, [call(self_=[1.0, 2.0], **more)])
        assert values(result) == {"scaled": scaled, "total": total}


@pytest.mark.parametrize(
    ("module", "inputs", "expected"),
    [
        (modules.in_dict, {"b": [1], "a": [2]}, {"total": [3]}),
        (modules.InList(), {"z": [1], "a": [2]}, {"output_0": [2], "output_1": [1]}),
        (
            modules.nested,
            {"x": [1]},
            {"output_0.0": [1], "output_0.1": [2], "output_1.0.boxes": [3]},
        ),
    ],
)
def test_collections_in_and_out_have_the_names_of_their_places(
    tmp_path: Path, module: Source, inputs: dict[str, Any], expected: dict[str, Any]
) -> None:
    (result,) = ran(load(module, tmp_path), [call(**inputs)])
    assert values(result) == expected


def test_a_list_has_the_names_of_its_settings(tmp_path: Path) -> None:
    named = load(modules.InList(), tmp_path, inputs={"a": {}, "z": {}})
    assert [tensor.name for tensor in named.interface.inputs] == ["a", "z"]


def test_small_floats_keep_their_datatype(tmp_path: Path) -> None:
    model = load(modules.Half(), tmp_path)
    bits = np.array([0x3F80, 0x4000], np.uint16)
    (result,) = ran(model, [{"x": Tensor(bits, "BF16")}])
    assert not isinstance(result, ModelError)
    assert [(tensor.datatype, tensor.array.tolist()) for tensor in result.values()] == [
        ("BF16", [0x3F00, 0x3F80]),
        ("FP16", [1.0, 2.0]),
    ]
    assert model.interface.inputs[0].fraction == "BF16"


def test_what_is_not_served_fails_its_own_call(tmp_path: Path) -> None:
    good, bad = ran(load(modules.fft, tmp_path), [call(x=[0.0]), call(x=[1.0])])
    assert values(good) == {"output": [0.0]}
    assert str(bad) == "The model answered with torch.complex128, which is not served"


@pytest.mark.parametrize(
    ("module", "model", "message"),
    [
        (modules.strings, {}, "the module's argument words is List[str]: only tensors"),
        (modules.word, {}, "the module returns str: only tensors"),
        (
            modules.Mlp(),
            {"inputs": {"x": FP32}},
            "model.inputs.x: the module has no such argument, it has features",
        ),
        (
            modules.Optionals(),
            {"inputs": {"k": {"shape": [1]}}},
            "model.inputs.k: the module takes a number",
        ),
        (modules.Optionals(), {"batch": "elements"}, "elements is for a module with one tensor"),
        (modules.in_dict, {"batch": "elements"}, "elements is for a module with one tensor"),
        (
            modules.Mlp(),
            {"batch": "rows", "inputs": {"features": {"datatype": "FP32", "shape": [4]}}},
            "rows needs -1 as the first dimension, model.inputs.features has shape [4]",
        ),
        (
            nn.Softmax(0),
            {"batch": "rows", "inputs": {"input": FP32}},
            "model.batch is rows, but the model's output for 3 rows is not",
        ),
        (models.Difference(), {"batch": "elements"}, "set batch to none"),
    ],
)
def test_what_is_not_served_is_refused_in_a_sentence(
    tmp_path: Path, module: Source, model: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        load(module, tmp_path, **model)
    assert message in str(caught.value)


def test_a_batch_of_elements_is_one_call_for_each_datatype(
    tmp_path: Path, calls: list[Call]
) -> None:
    model = load(models.Triple(), tmp_path, batch="elements")
    calls.clear()
    asked = [[1, 2], [0.5], np.array([], np.int64), [3]]
    results = ran(model, [call(numbers=numbers) for numbers in asked])
    assert len(calls) == 2
    assert [values(result)["output"] for result in results] == [[3, 6], [1.5], [], [9]]


def test_rows_are_merged_where_they_fit(tmp_path: Path, calls: list[Call]) -> None:
    model = load(modules.Scale(), tmp_path, batch="rows")
    asked = [
        (call(x=[[1, 2]], k=2), [[2, 4]]),
        (call(x=[[3, 4], [5, 6]], k=2), [[6, 8], [10, 12]]),
        (call(x=[[1, 2]], k=3), [[3, 6]]),
        (call(x=[[1, 2, 3]], k=2), [[2, 4, 6]]),
        (call(x=[[0.5, 1]], k=2), [[1.0, 2.0]]),
        (call(x=[[7, 8]], k=2), [[14, 16]]),
        (call(x=[[7, 8]]), [[7, 8]]),
    ]
    calls.clear()
    results = ran(model, [inputs for inputs, _ in asked])
    assert len(calls) == 5
    assert [values(result)["output"] for result in results] == [it for _, it in asked]


def test_outputs_without_the_rows_are_never_split(tmp_path: Path) -> None:
    model = load(modules.number, tmp_path, batch="rows")
    results = ran(model, [call(x=[1, 2]), call(x=[3])])
    assert [values(result) for result in results] == [{"output": 3.0}] * 2


def test_memory_of_the_model_stays_its_own(tmp_path: Path) -> None:
    model = load(modules.Own(), tmp_path)
    results = ran(model, [call(x=[1.0, 2.0]), call(x=[3.0, 4.0])])
    assert [values(result)["output"] for result in results] == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize("batch", ["none", "rows", "elements"])
def test_a_model_may_write_to_its_input(tmp_path: Path, batch: str) -> None:
    model = load(modules.in_place, tmp_path, batch=batch)
    fixed = np.frombuffer(b"\x01\x00\x00\x00\x02\x00\x00\x00", np.int32)
    unaligned = np.frombuffer(b"?\x01\x00\x00\x00", np.int32, offset=1)
    asked = [{"x": natural(fixed)}, {"x": natural(unaligned)}]
    assert [values(result)["output"] for result in ran(model, asked)] == [[2, 3], [2]]
    assert fixed.tolist() == [1, 2]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("by", ["operators", "samples"])
def test_a_dynamically_quantized_model_is_refused_for_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    if by == "samples":
        monkeypatch.setattr("signature.refuse_dynamic_quantization", lambda *_: None)
    torch.manual_seed(0)
    words = nn.Sequential(nn.Embedding(50, 16), nn.Linear(16, 4)).eval()
    quantized = torch.ao.quantization.quantize_dynamic(words, {nn.Linear})
    ids = {"input": {"datatype": "INT64", "shape": [-1, -1]}}
    with pytest.raises(ValueError, match="set batch to none") as caught:
        load(quantized, tmp_path, batch="rows", inputs=ids)
    assert ("dynamically quantized" in str(caught.value)) == (by == "operators")
    assert load(quantized, tmp_path, batch="none", inputs=ids).sample_error is None
    assert load(words, tmp_path, batch="rows", inputs=ids).sample_error is None


def exported(
    module: nn.Module, rows: torch.Tensor, dynamic: Any, folder: Path, **model: Any
) -> Model:
    program = torch.export.export(module, (rows,), dynamic_shapes=dynamic and {"input": dynamic})
    torch.export.save(program, folder / "m.pt2")
    return Model(folder / "m.pt2", settings.read({"model": model}), CPU, "m", "1.0")


@pytest.mark.parametrize(
    ("dtype", "model", "message"),
    [
        (torch.complex64, {}, "input input is torch.complex64: not served"),
        (torch.float, {"inputs": {"input": {"shape": [2]}}}, r"the program takes shape \[3, 1\]"),
        (torch.float, {"inputs": {"input": {"datatype": "INT8"}}}, "the program takes FP32"),
        (torch.float, {"batch": "rows"}, "rows needs -1 as the first dimension"),
    ],
)
def test_an_exported_program_that_contradicts_its_settings_is_refused(
    tmp_path: Path, dtype: torch.dtype, model: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        exported(nn.Identity(), torch.ones(3, 1, dtype=dtype), None, tmp_path, **model)


@pytest.mark.filterwarnings("ignore")
def test_an_exported_program_needs_no_settings(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(4, 3), nn.Tanh()).eval()
    rows = torch.rand(7, 4)
    for most, batch, shape in ((None, "rows", (-1, 4)), (4, "rows", (-1, 4)), (0, "none", (7, 4))):
        dynamic = {0: torch.export.Dim("batch", max=most)} if most != 0 else None
        model = exported(module, rows[:3] if most else rows, dynamic, tmp_path)
        assert (model.interface.batch, model.interface.inputs[0].shape) == (batch, shape)
        assert (model.description["platform"], model.sample_error) == ("pytorch_exported", None)
        size = 7 if batch == "none" else 1
        asked = [call(input=rows.numpy()[i : i + size]) for i in range(0, 7, size)]
        results = [values(result)["output"] for result in ran(model, asked)]
        with torch.inference_mode():
            expected = module(rows)
        np.testing.assert_allclose(np.concatenate(results), expected, 1e-5, 1e-6)


@pytest.mark.filterwarnings("ignore")
def test_an_exported_program_takes_the_sizes_that_it_was_exported_with(tmp_path: Path) -> None:
    rows, length = torch.export.Dim("rows"), torch.export.Dim("length", min=4, max=9)
    model = exported(nn.Tanh(), torch.rand(3, 5), {0: rows, 1: length}, tmp_path)
    (tensor,) = model.interface.inputs
    assert (tensor.shape, tensor.sizes) == ((-1, -1), ((0, None), (4, 9)))
    assert model.sample_error is None
    assert model.description["outputs"] == [
        {"name": "output", "datatype": "FP32", "shape": [-1, -1]}
    ]
    check_shape((1, 9), tensor, "$")
    for size, bound in ((3, "at least 4"), (10, "at most 9")):
        message = f"Expected {bound} in dimension 1 of input, got {size} - at \\$"
        with pytest.raises(RequestError, match=message):
            check_shape((1, size), tensor, "$")
