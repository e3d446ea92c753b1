"""Explains why PyTorch cannot load a file or why a model failed, in one line for a person."""

from __future__ import annotations

import pickletools
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

# Packages that add operators to PyTorch when they are imported, by the operators' namespace.
PACKAGES = {
    "fbgemm": "fbgemm_gpu",
    "torchaudio": "torchaudio",
    "torchvision": "torchvision",
    "torch_cluster": "torch_cluster",
    "torch_scatter": "torch_scatter",
    "torch_sparse": "torch_sparse",
}
# The bytes of a file that tell its format.
_HEAD_BYTES = 512
_SAVE = "load it in Python and save the module with torch.export.save or torch.jit.save"
_CONVERT = "TorchScript and .pt2 files are served: export the model from PyTorch instead"
# torch.save's format before PyTorch 1.6 starts with this pickled number.
_LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."

_OPERATOR = re.compile(r"Unknown builtin op: (\w+)::(\w+)")
_RAISED = re.compile(r"([A-Za-z_][\w.]*): ?(.*)")
# The part of PyTorch's messages about files that describes its implementation.
_MINIZ = re.compile(r"\. This is an internal miniz error.*")


def cause(error: BaseException) -> str:
    """Return the cause that PyTorch's message contains, without source code and tracebacks.

    TorchScript's message ends with a traceback of source lines, then the line that was raised.
    """
    text = str(error)
    operator = _OPERATOR.search(text)
    if operator:
        namespace, name = operator.groups()
        package = PACKAGES.get(namespace, namespace)
        return f"it uses the operator {namespace}::{name}: install the package {package}"
    if "required keyword attribute 'value' is undefined" in text:
        return (
            "PyTorch cannot load what torch.jit.optimize_for_inference returns: save the module "
            "without it (torch.jit.freeze is supported)"
        )
    lines = text.rpartition("<--- HERE")[2].splitlines()
    raised = next((match for line in lines if (match := _RAISED.fullmatch(line))), None)
    if "<--- HERE" in text and raised:
        kind, message = raised.groups()
        kind = kind.removeprefix("builtins.").removeprefix("__torch__.")
        return (message if kind == "RuntimeError" else f"{kind}: {message}").strip(": ") or kind
    stated = next((line.strip() for line in text.splitlines() if line.strip()), None)
    return _MINIZ.sub("", stated) if stated else type(error).__name__


def missing_package(error: BaseException) -> str | None:
    """Return the package whose import may add the operator that a file lacks; None if unknown."""
    operator = _OPERATOR.search(str(error))
    return PACKAGES.get(operator[1]) if operator else None


def describe_file(path: Path) -> str | None:
    """Return what a file that PyTorch cannot load is and what to do with it; None if unknown."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(b"PK"):
        return _describe_zip(path)
    if head.startswith(_LEGACY):
        return _describe_pickle(path, 4)  # a magic number, a version and a description come first
    if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
        return _describe_pickle(path, 1)
    return next((said for matches, said in _KINDS if matches(head)), None)


_KINDS: list[tuple[Callable[[bytes], bool], str]] = [
    (lambda head: not head, "it is empty"),
    (
        lambda head: head.startswith(b"version https://git-lfs"),
        "it is a Git LFS pointer instead of the model: run git lfs pull",
    ),
    (
        lambda head: head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 30,
        f"it is a safetensors file, which has weights but no code: {_SAVE}",
    ),
    (
        lambda head: head.startswith(b"\x89HDF\r\n\x1a\n"),
        f"it is an HDF5 file, such as Keras writes: {_CONVERT}",
    ),
    # A protobuf with the fields ir_version and producer_name, opset_import or graph.
    (
        lambda head: head[:1] == b"\x08" and head[1:2] < b"\x20" and head[2:3] in b"\x12\x3a\x42",
        f"it is an ONNX file: {_CONVERT}",
    ),
    (lambda head: head[4:8] == b"TFL3", f"it is a TensorFlow Lite file: {_CONVERT}"),
    (lambda head: head.startswith(b"GGUF"), f"it is a GGUF file: {_CONVERT}"),
    (lambda head: head.startswith(b"\x1f\x8b"), "it is compressed with gzip: run gunzip first"),
    (
        lambda head: head.lstrip()[:9].lower().startswith((b"<!doctype", b"<html")),
        "it is a web page, not the model: check the URL that it was downloaded from",
    ),
]


def is_exported(path: Path) -> bool:
    """Return whether a file is one of torch.export.save."""
    return zipfile.is_zipfile(path) and any(
        name.endswith(("models/model.json", "serialized_exported_program.json"))
        for name in _names(path)
    )


def _names(path: Path) -> Sequence[str]:
    with zipfile.ZipFile(path) as file:
        return file.namelist()


def _describe_zip(path: Path) -> str | None:  # noqa: PLR0911 (a kind for each)
    try:
        names = _names(path)
    except zipfile.BadZipFile:
        return "it is incomplete: copy or download it again"
    held = {name.rpartition("/")[2] for name in names}
    if "constants.pkl" in held:
        return None  # TorchScript
    if any("/aotinductor/" in name for name in names):
        return f"it is an AOTInductor package, compiled for one machine: {_SAVE}"
    if "data.pkl" in held:
        return _describe_pickle(path, 1)
    if "MANIFEST.json" in held:
        return "it is an archive for TorchServe already: copy it to model_store/NAME-VERSION.mar"
    if {"config.json", "model.weights.h5"} <= held:
        return f"it is a Keras file: {_CONVERT}"
    if names and all(name.endswith(".npy") for name in names):
        return "it is a file of NumPy arrays (.npz), not a model"
    return f"it is a zip file without a model: it has {', '.join(names[:3]) or 'no files'}"


def _describe_pickle(path: Path, count: int) -> str:
    """Describe the last of `count` pickles by the classes that it names, without loading it."""
    with path.open("rb") as file:
        stream: IO[bytes] = file
        if zipfile.is_zipfile(path):
            member = next(name for name in _names(path) if name.endswith("data.pkl"))
            stream = zipfile.ZipFile(file).open(member)  # noqa: SIM115 (the file is closed)
        names: list[str] = []
        try:
            for _ in range(count):
                names = _classes(stream)
        except (ValueError, EOFError, UnicodeDecodeError):
            return "it is an incomplete pickle: copy or download it again"
    own = [name for name in names if not name.startswith(("torch._", "collections.", "builtins."))]
    modules = [name for name in own if not re.fullmatch(r"torch\.\w+(Storage)?", name)]
    if modules:
        return f"it is a pickled object of the class {modules[0]}: {_SAVE}"
    if any(name.startswith("torch") for name in names):
        return f"it is a state dict or checkpoint, which has weights but no code: {_SAVE}"
    return f"it is a pickle without a module: {_SAVE}"


def _classes(stream: IO[bytes]) -> list[str]:
    """Return the names of the classes in the next pickle of a stream, in order."""
    names: list[str] = []
    strings: list[str] = []
    for operation, argument, _ in pickletools.genops(stream):
        if operation.name == "GLOBAL":
            names.append(str(argument).replace(" ", "."))
        elif operation.name == "STACK_GLOBAL":
            names.append(".".join(strings[-2:]))
        elif isinstance(argument, str):
            strings.append(argument)
    return names
