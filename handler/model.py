"""A TorchScript model and the settings that belong to it: 1-D arrays in, 1-D arrays out.

Any TorchScript module that maps a 1-D tensor to a 1-D tensor will do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import torch

from wire.arrays import Array, IntegerBounds

# TorchScript's profiling executor specialises a graph during the first calls: they are slow.
WARM_UP_CALLS = 3


class Integers(msgspec.Struct, forbid_unknown_fields=True):
    """The integers that the model takes, both ends included."""

    minimum: int = IntegerBounds().minimum
    maximum: int = IntegerBounds().maximum


class Settings(msgspec.Struct, forbid_unknown_fields=True):
    """The key `model` of model-config.yaml."""

    # Whether each output depends on the input at its own index only. Then the requests of a
    # batch are concatenated into one call; otherwise each is a call of its own.
    elementwise: bool = False
    integers: Integers = msgspec.field(default_factory=Integers)
    # The tensors that the model takes. Without int64 integers are converted to the float dtype.
    dtypes: Annotated[list[Literal["int64", "float64", "float32"]], msgspec.Meta(min_length=1)] = (
        msgspec.field(default_factory=lambda: ["int64", "float64"])
    )
    # Threads of one call; workers already use one core each.
    threads: Annotated[int, msgspec.Meta(ge=1)] = 1

    @property
    def bounds(self) -> IntegerBounds:
        """The integers that a request may hold."""
        return IntegerBounds(self.integers.minimum, self.integers.maximum)


class ModelError(Exception):
    """The model failed on one input; the others of the batch have their answers."""


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Return the model's settings from model-config.yaml's content.

    Raises:
        ValueError: a key or value is wrong; the message says which.
    """
    try:
        return msgspec.convert(config.get("model", {}), Settings)
    except msgspec.ValidationError as error:
        raise ValueError(f"model-config.yaml, key model: {error}") from None


class Model:
    """A loaded TorchScript module."""

    def __init__(self, path: Path, settings: Settings, device: torch.device) -> None:
        """Load the file onto `device` and warm it up.

        Raises:
            ValueError: the module is not what `settings` says it is.
        """
        torch.set_num_threads(settings.threads)
        self.settings = settings
        self.device = device
        self._module = torch.jit.load(str(path), map_location=device).eval()
        self._dtypes = {
            kind: np.dtype(next((d for d in settings.dtypes if d in wanted), settings.dtypes[0]))
            for kind, wanted in {"i": ("int64",), "f": ("float64", "float32")}.items()
        }
        self._warm_up()

    def __call__(self, arrays: Sequence[Array]) -> list[Array | ModelError]:
        """Run the model on each array.

        Args:
            arrays: 1-D arrays of int64 or float64; those of one dtype share a call where the
                model is elementwise. A dtype never depends on another array's.

        Returns:
            For each array the model's 1-D answer, or the error that the model raised on it.
        """
        inputs = [np.asarray(a, dtype=self._dtypes[a.dtype.kind]) for a in arrays]
        if not self.settings.elementwise:
            return [self._one(array) for array in inputs]
        answers: list[Array | ModelError] = [ModelError("not reached")] * len(inputs)
        for dtype in {array.dtype for array in inputs}:
            where = [i for i, array in enumerate(inputs) if array.dtype == dtype]
            for i, answer in zip(where, self._together([inputs[i] for i in where]), strict=True):
                answers[i] = answer
        return answers

    def _together(self, inputs: Sequence[Array]) -> Sequence[Array | ModelError]:
        """Run arrays of one dtype as one; where that fails each on its own, to find the culprit."""
        if len(inputs) == 1:
            return [self._one(inputs[0])]
        try:
            answer = self._run(np.concatenate(inputs))
        except Exception:  # noqa: BLE001 (whatever the model raises, the others get their answers)
            return [self._one(array) for array in inputs]
        ends = [*accumulate(array.size for array in inputs)]
        if answer.size != ends[-1]:
            return [self._one(array) for array in inputs]
        return [answer[start:end] for start, end in pairwise([0, *ends])]

    def _one(self, array: Array) -> Array | ModelError:
        try:
            return self._run(array)
        except Exception as error:  # noqa: BLE001 (whatever the model raises is this request's)
            # TorchScript's message ends with the sentence that says what happened.
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            return ModelError(f"The model failed: {lines[-1] if lines else type(error).__name__}")

    def _run(self, array: Array) -> Array:
        with torch.inference_mode():
            answer = self._module(torch.from_numpy(array).to(self.device))
        if not isinstance(answer, torch.Tensor) or answer.dim() != 1 or answer.dtype == torch.bool:
            raise TypeError(f"expected a 1-D tensor of numbers from it, got {_kind(answer)}")
        if answer.dtype in (torch.float16, torch.bfloat16):
            answer = answer.float()  # exact; neither JSON nor NumPy has them both
        numbers: Array = answer.cpu().numpy()
        return numbers

    def _warm_up(self) -> None:
        """Make the first calls, which are slow, and see whether `elementwise` can be true."""
        halves = np.arange(1, 4), np.arange(4, 6)
        for kind in ("int64", "float64"):
            parts = [half.astype(kind) for half in halves]
            for _ in range(WARM_UP_CALLS):
                whole = self([np.concatenate(parts)])[0]
            alone = [self([part])[0] for part in parts]
            answers = [a for a in (whole, *alone) if not isinstance(a, ModelError)]
            # A model may refuse these numbers; then nothing is known of it.
            if self.settings.elementwise and len(answers) == len(alone) + 1:
                _check_elementwise(answers[0], np.concatenate(answers[1:]))


def _kind(answer: object) -> str:
    if isinstance(answer, torch.Tensor):
        return f"{answer.dtype} of shape {list(answer.shape)}"
    return type(answer).__name__


def _check_elementwise(whole: Array, parts: Array) -> None:
    if not np.array_equal(whole, parts, equal_nan=True):
        raise ValueError(
            "model-config.yaml says elementwise, but the model answers otherwise for a list in "
            "two parts than for the whole: set elementwise to false"
        )
