"""A model file, TorchScript or .pt2, as a function that maps named tensors to named tensors."""

import importlib
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

import diagnosis
import exported
import signature
from settings import FILE, ModelSettings
from wire.datatypes import DATATYPES, Tensor
from wire.interface import Call

logger = logging.getLogger(__name__)

_TORCH: dict[str, torch.dtype] = {
    **{name: getattr(torch, name.lower()) for name in DATATYPES if "INT" in name},
    "BOOL": torch.bool,
    "FP16": torch.float16,
    "BF16": torch.bfloat16,
    "FP32": torch.float32,
    "FP64": torch.float64,
}
NAMES = {dtype: name for name, dtype in _TORCH.items()}


class ModelError(Exception):
    """The model failed on one call. Other calls of the batch are not affected."""


class Module:
    """A loaded module on its device.

    Attributes:
        several: whether it returns several outputs, counting those that are None: by its settings,
            its type, or a call so far.
    """

    def __init__(self, path: Path, settings: ModelSettings, device: torch.device) -> None:
        """Load the file.

        Raises:
            ValueError: the file is neither TorchScript nor .pt2, or the module is not supported.
        """
        torch.set_num_threads(settings.threads)
        self.device = device
        self._moves = device.type != "cpu"
        self._names = None if settings.outputs is None else [*settings.outputs]
        self.several = len(self._names or ()) > 1
        self._function: Callable[..., object]
        self.signature: signature.Signature
        if diagnosis.is_exported(path):
            self.platform = "pytorch_exported"
            program = _loaded(path, lambda: exported.load(path, device))
            self.signature, self._function = exported.read(program, settings, NAMES)
        else:
            self.platform = "pytorch_torchscript"
            self._function = script = _loaded(path, lambda: _load_script(path, device))
            self.signature = signature.read(script, settings)
            types = [result.type for result in script.forward.schema.returns]
            self.several = self.several or any(
                kind.kind() == "TupleType" and len(kind.elements()) > 1 for kind in types
            )
        self._numbers = {spec.name for spec in self.signature.inputs if spec.number}

    def __call__(self, call: Call) -> dict[str, Tensor]:
        """Run the module once.

        Args:
            call: the inputs by name. The module may write to their arrays.

        Raises:
            ModelError: the module raised an error, or returned an unsupported type.
        """
        try:
            with torch.inference_mode():
                answer = self._run(call)
                return {name: from_torch(value) for name, value in self._named(answer)}
        except ModelError:
            raise
        except Exception as error:  # noqa: BLE001 (a model may raise anything)
            raise ModelError(f"The model failed: {diagnosis.cause(error)}") from None

    def _run(self, call: Call) -> object:
        if self.signature.passing == "arguments":
            if len(call) == 1 and len(self.signature.inputs) == 1:
                ((name, tensor),) = call.items()
                return self._function(self._argument(name, tensor))
            return self._function(
                **{name: self._argument(name, tensor) for name, tensor in call.items()}
            )
        tensors = {name: self._argument(name, tensor) for name, tensor in call.items()}
        return self._function(tensors if self.signature.passing == "dict" else [*tensors.values()])

    def _argument(self, name: str, tensor: Tensor) -> Any:  # noqa: ANN401 (a tensor or a number)
        if name in self._numbers:
            return tensor.array.item()
        value = to_torch(tensor)
        return value.to(self.device) if self._moves else value

    def _named(self, answer: object) -> list[tuple[str, object]]:
        """Return the module's outputs with their names, without those that are None."""
        if isinstance(answer, torch.Tensor) and self._names is None:
            return [("output", answer)]
        collection = isinstance(answer, (Mapping, tuple, list))
        outputs = list(_flat(answer, "")) if collection else [("output", answer)]
        if len({name for name, _ in outputs}) < len(outputs):
            raise ModelError("The model has two outputs of the same name")
        names = self._names
        if names is not None and isinstance(answer, Mapping):
            # The keys are names already; which ones there are may differ from call to call.
            unknown = [name for name, _ in outputs if name not in names]
            if unknown:
                raise ModelError(
                    f"The model has the output {unknown[0]}, which {FILE} does not name"
                )
            outputs.sort(key=lambda pair: names.index(pair[0]))
        elif names is not None:
            if len(names) != len(outputs):
                raise ModelError(
                    f"The model has {len(outputs)} outputs, and {FILE} names {len(names)}"
                )
            outputs = [(name, value) for name, (_, value) in zip(names, outputs, strict=True)]
        self.several = self.several or len(outputs) > 1
        return [(name, value) for name, value in outputs if value is not None]


def _flat(value: object, prefix: str) -> Iterator[tuple[str, object]]:
    """Yield the tensors in nested collections with their paths, such as `output_0.boxes`."""
    if isinstance(value, Mapping):
        pairs = [(str(name), child) for name, child in value.items()]
    elif isinstance(value, (tuple, list)):
        stem = "" if prefix else "output_"
        fields = getattr(value, "_fields", [f"{stem}{i}" for i in range(len(value))])
        pairs = list(zip(fields, value, strict=True))
    else:
        yield prefix, value
        return
    for name, child in pairs:
        yield from _flat(child, f"{prefix}.{name}" if prefix else name)


def to_torch(tensor: Tensor) -> torch.Tensor:
    """Return a tensor of the wire format as one of PyTorch; it shares the memory if it can."""
    array = tensor.array
    # PyTorch needs memory that is aligned and writable.
    if not array.flags.behaved:
        array = np.require(array, requirements=("W", "A"))
    if tensor.datatype == "BF16":
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)


def from_torch(value: Any) -> Tensor:  # noqa: ANN401 (any result of a module)
    """Return a tensor of PyTorch or a number as a tensor of the wire format.

    Raises:
        ModelError: it is something else, or its datatype or layout is not served.
    """
    if isinstance(value, (bool, int, float)):
        value = torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None)
    if not isinstance(value, torch.Tensor):
        raise ModelError(f"The model answered with {type(value).__name__}, which is not served")
    name = NAMES.get(value.dtype)
    if name is None or value.layout != torch.strided:
        raise ModelError(f"The model answered with {value.dtype}, which is not served")
    value = value.cpu().resolve_neg()
    if name == "BF16":
        return Tensor(value.contiguous().view(torch.int16).numpy().view(np.uint16), name)
    return Tensor(value.numpy(), name)


def _loaded(path: Path, load: Callable[[], Any]) -> Any:  # noqa: ANN401 (a module or a program)
    try:
        return load()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # noqa: BLE001 (whatever a file makes PyTorch raise)
        reason = diagnosis.describe_file(path) or diagnosis.cause(error)
        raise ValueError(f"{path.name} cannot be loaded: {reason}") from None


def _load_script(path: Path, device: torch.device) -> torch.jit.ScriptModule:
    try:
        return torch.jit.load(str(path), map_location=device).eval()
    except RuntimeError as error:
        package = diagnosis.missing_package(error)
        if package is None:
            raise
        try:
            importlib.import_module(package)
        except ImportError:
            raise error from None
        logger.info("Imported %s for its operators", package)
        return torch.jit.load(str(path), map_location=device).eval()
