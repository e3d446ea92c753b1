from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

import diagnosis
from tests.support import models


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("notes.txt", "")


def cut(path: Path) -> None:
    models.save(models.Triple(), path)
    path.write_bytes(path.read_bytes()[:900])


def legacy(path: Path) -> None:
    torch.save(nn.Linear(1, 1).state_dict(), path, _use_new_zipfile_serialization=False)


def content(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "Git LFS": (content(b"version https://git-lfs.github.com/spec/v1\noid"), "git lfs pull"),
    "state dict": (lambda path: torch.save(nn.Linear(1, 1).state_dict(), path), "a state dict"),
    "legacy state dict": (legacy, "a state dict"),
    "module": (lambda path: torch.save(nn.Linear(1, 1), path), "torch.nn.modules.linear.Linear"),
    "safetensors": (content((12).to_bytes(8, "little") + b'{"a":{"dtype"'), "a safetensors file"),
    "ONNX": (content(b"\x08\x08\x12\x07pytorch"), "an ONNX file"),
    "empty": (content(b""), "it is empty"),
    "zip": (zipped, "it has notes.txt"),
    "truncated": (cut, "incomplete"),
    "cut pickle": (content(b"\x80\x02garbage"), "a pickle without a module"),
    "unknown": (content(b"no zip"), "None"),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_file_is_described_by_its_bytes(tmp_path: Path, kind: str) -> None:
    write, expected = FILES[kind]
    write(tmp_path / "m.pt")
    assert expected in str(diagnosis.describe_file(tmp_path / "m.pt"))


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
