"""Explains why PyTorch cannot load a file or why a model failed, in one line for a person."""

import contextlib
import pickletools
import re
import zipfile
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
_SAVE = "load it in Python and save the module with torch.export.save or torch.jit.save"
_CONVERT = "TorchScript and .pt2 files are served: export the model from PyTorch instead"
# What the first bytes of a file tell of its format.
_KINDS = [
    (rb"\Z", "it is empty"),
    (rb"version https://git-lfs", "it is a Git LFS pointer instead of the model: run git lfs pull"),
    # The size of the JSON that follows, below 1 GiB.
    (
        rb".{3}[\0-\x3f]\0{4}\{",
        f"it is a safetensors file, which has weights but no code: {_SAVE}",
    ),
    # A protobuf with the fields ir_version and producer_name, opset_import or graph.
    (rb"\x08[\0-\x1f][\x12\x3a\x42]", f"it is an ONNX file: {_CONVERT}"),
]

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
        head = file.read(64)
        if head.startswith(b"PK"):
            return _describe_zip(path)
        file.seek(0)
        if head[:1] == b"\x80" and head[1:2] in b"\x02\x03\x04\x05":
            return _describe_pickle(file)
    return next((text for kind, text in _KINDS if re.match(kind, head, re.DOTALL)), None)


def is_exported(path: Path) -> bool:
    """Return whether a file is one of torch.export.save."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as file:
        ends = ("models/model.json", "serialized_exported_program.json")
        return any(name.endswith(ends) for name in file.namelist())


def _describe_zip(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as file:
            names = file.namelist()
            held = {name.rpartition("/")[2]: name for name in names}
            if "constants.pkl" in held:
                return None  # TorchScript
            if "data.pkl" in held:
                return _describe_pickle(file.open(held["data.pkl"]))
    except zipfile.BadZipFile:
        return "it is incomplete: copy or download it again"
    if "MANIFEST.json" in held:
        return "it is an archive for TorchServe already: copy it to model_store/NAME-VERSION.mar"
    return f"it is a zip file without a model: it has {', '.join(names[:3]) or 'no files'}"


def _describe_pickle(stream: IO[bytes]) -> str:
    """Describe the pickles in a stream by the classes that they name, without loading them."""
    names: list[str] = []
    # torch.save's old format has several pickles and other bytes after them.
    with contextlib.suppress(ValueError, EOFError, UnicodeDecodeError):
        while True:
            names += _classes(stream)
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
