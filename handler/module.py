"""A TorchScript module as a function that maps named tensors to named tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import signature
from settings import FILE, ModelSettings
from wire.datatypes import DATATYPES, Tensor
from wire.request import Call

_TORCH: dict[str, torch.dtype] = {
    **{name: getattr(torch, name.lower()) for name in DATATYPES if "INT" in name},
    "BOOL": torch.bool,
    "FP16": torch.float16,
    "BF16": torch.bfloat16,
    "FP32": torch.float32,
    "FP64": torch.float64,
}
_NAMES = {dtype: name for name, dtype in _TORCH.items()}


class ModelError(Exception):
    """The model failed on one call. Other calls of the batch are not affected."""


class Module:
    """A loaded module on its device."""

    def __init__(self, path: Path, settings: ModelSettings, device: torch.device) -> None:
        """Load the file.

        Raises:
            ValueError: the file is not a TorchScript module, or the module is not supported.
        """
        torch.set_num_threads(settings.threads)
        self.device = device
        self._names = settings.outputs
        try:
            self.script = torch.jit.load(str(path), map_location=device).eval()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise ValueError(f"{path.name} cannot be loaded: {sentence(error)}") from None
        self.signature = signature.read(self.script, settings)
        self._numbers = {each.name for each in self.signature.inputs if each.number}

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
                return {name: _from_torch(value) for name, value in self._named(answer)}
        except ModelError:
            raise
        except Exception as error:  # noqa: BLE001 (a model may raise anything)
            raise ModelError(f"The model failed: {sentence(error)}") from None

    def _run(self, call: Call) -> object:
        if self.signature.passing == "arguments":
            if len(call) == 1 and len(self.signature.inputs) == 1:
                ((name, tensor),) = call.items()
                return self.script(self._argument(name, tensor))
            return self.script(**{name: self._argument(name, each) for name, each in call.items()})
        tensors = {name: self._argument(name, each) for name, each in call.items()}
        return self.script(tensors if self.signature.passing == "dict" else [*tensors.values()])

    def _argument(self, name: str, tensor: Tensor) -> Any:  # noqa: ANN401 (a tensor or a number)
        # PyTorch needs memory that is aligned and writable.
        array = np.require(tensor.array, requirements=("W", "A"))
        if name in self._numbers:
            return array.item()
        if tensor.datatype == "BF16":
            return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16).to(self.device)
        return torch.from_numpy(array).to(self.device)

    def _named(self, answer: object) -> list[tuple[str, object]]:
        """Return the module's outputs with their names."""
        if isinstance(answer, Mapping):
            found = [(str(name), value) for name, value in answer.items()]
        elif isinstance(answer, (tuple, list)):
            fields: Sequence[str] = getattr(
                answer, "_fields", [f"output_{i}" for i in range(len(answer))]
            )
            found = list(zip(fields, answer, strict=True))
        else:
            found = [("output", answer)]
        if self._names is not None:
            if len(self._names) != len(found):
                raise ModelError(
                    f"The model has {len(found)} outputs, and {FILE} names {len(self._names)}"
                )
            found = [(name, value) for name, (_, value) in zip(self._names, found, strict=True)]
        return [(name, value) for name, value in found if value is not None]


def _from_torch(value: Any) -> Tensor:  # noqa: ANN401 (any result of a module)
    if isinstance(value, (bool, int, float)):
        value = torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None)
    if not isinstance(value, torch.Tensor):
        raise ModelError(f"The model answered with {type(value).__name__}, which is not served")
    name = _NAMES.get(value.dtype)
    if name is None or value.layout != torch.strided:
        raise ModelError(f"The model answered with {value.dtype}, which is not served")
    value = value.cpu().resolve_neg()
    if name == "BF16":
        return Tensor(value.contiguous().view(torch.int16).numpy().view(np.uint16), name)
    return Tensor(value.numpy(), name)


def sentence(error: BaseException) -> str:
    """Return the last line of an error's message, where TorchScript states the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
