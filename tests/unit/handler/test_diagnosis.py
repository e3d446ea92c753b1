import io
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

import diagnosis


def saved(value: object, **options: bool) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


def zipped(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr(name, "")
    return stream.getvalue()


MODULE = nn.Linear(1, 1)
STATES = MODULE.state_dict()
FILES = {
    "Git LFS": (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
    "state dict": (saved(STATES), "a state dict"),
    "legacy": (saved(STATES, _use_new_zipfile_serialization=False), "a state dict"),
    "module": (saved(MODULE), "torch.nn.modules.linear.Linear"),
    "safetensors": ((12).to_bytes(8, "little") + b'{"a":{"dtype"', "a safetensors file"),
    "ONNX": (b"\x08\x08\x12\x07pytorch", "an ONNX file"),
    "empty": (b"", "it is empty"),
    "zip": (zipped("notes.txt"), "it has notes.txt"),
    "truncated": (zipped("notes.txt")[:-9], "incomplete"),
    "cut pickle": (b"\x80\x02garbage", "a pickle without a module"),
    "unknown": (b"no zip", "None"),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_file_is_described_by_its_bytes(tmp_path: Path, kind: str) -> None:
    content, expected = FILES[kind]
    path = tmp_path / "m.pt"
    path.write_bytes(content)
    assert expected in str(diagnosis.describe_file(path))


TRACE = (
    "The following operation failed in the TorchScript interpreter.\n"
    'Traceback of TorchScript (most recent call last):\n  File "m.py", line 8, in forward\n'
    "        raise ValueError()\n        ~~~~~ <--- HERE\n    return _0\n"
)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (TRACE + "builtins.ValueError: first line\nsecond: return _0\n", "ValueError: first line"),
        (TRACE + "RuntimeError: AssertionError: must be 1\n", "AssertionError: must be 1"),
        (TRACE + "RuntimeError: mat1 and mat2\n", "mat1 and mat2"),
        (TRACE + "builtins.ValueError: \n", "ValueError"),
        ("first line\nsecond line", "first line"),
        ("", "RuntimeError"),
        (
            "\nUnknown builtin op: torchvision::nms.\nCould not find any similar ops\n",
            "it uses the operator torchvision::nms: install the package torchvision",
        ),
        ("a record is missing. This is an internal miniz error. If", "a record is missing"),
    ],
)
def test_the_cause_is_found_in_pytorchs_message(message: str, cause: str) -> None:
    assert diagnosis.cause(RuntimeError(message)) == cause


def test_a_module_optimized_for_inference_gets_a_sentence(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval()
    optimized = torch.jit.optimize_for_inference(torch.jit.script(network))
    torch.jit.save(optimized, str(tmp_path / "m.pt"))
    with pytest.raises(RuntimeError) as caught:
        torch.jit.load(str(tmp_path / "m.pt"))
    assert "optimize_for_inference" in diagnosis.cause(caught.value)
