"""A model with its settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

import merging
import samples
from merging import Result
from module import Module
from settings import Settings
from wire.interface import Batch, Input
from wire.request import Call


class Model:
    """A loaded model.

    Attributes:
        inputs: in the module's order.
        outputs: found by running samples; empty if no sample ran.
        any_name: whether a request may choose the names of the inputs.
        batch: the setting `batch`, or what follows from the file.
        platform: the format of the file, in the words of V2's metadata.
        sample_error: why samples did not run although datatypes and shapes are known; None if all
            ran.
    """

    def __init__(self, path: Path, settings: Settings, device: torch.device) -> None:
        """Load the file onto `device`, warm it up and check it.

        Raises:
            ValueError: the module is not supported, or `settings` does not match it.
        """
        self._module = Module(path, settings.model, device)
        self.device = device
        self.inputs: tuple[Input, ...] = self._module.signature.inputs
        self.any_name = self._module.signature.any_name
        self.batch: Batch = self._module.signature.batch
        self._most_rows = self._module.signature.most_rows
        self.platform = self._module.platform
        self._numbers = frozenset(each.name for each in self.inputs if each.number)
        safe = device.type != "cpu"
        try:
            found = samples.run(self._module, self.inputs, self.batch, safe=safe)
        except ValueError:
            if settings.model.batch:
                raise
            # A .pt2 file whose dimensions allow `rows`, but whose results depend on other rows.
            self.batch = "none"
            found = samples.run(self._module, self.inputs, self.batch, safe=safe)
        self.outputs, self.sample_error = found

    def __call__(self, calls: Sequence[Call]) -> Iterator[tuple[Sequence[int], Sequence[Result]]]:
        """Run all calls; yield the places and results of some of them at a time (merging.run)."""
        return merging.run(self._module, calls, self.batch, self._numbers, self._most_rows)

    def metadata(self) -> dict[str, object]:
        """Return the inputs and outputs in the format of V2's model metadata.

        Unknown properties of an input or output are left out.
        """
        return {
            "inputs": [_described(each) for each in self.inputs],
            "outputs": [
                {"name": each.name, "datatype": each.datatype, "shape": list(each.shape)}
                for each in self.outputs
            ],
            "batch": self.batch,
        }


def _described(each: Input) -> dict[str, object]:
    description: dict[str, object] = {"name": each.name}
    if each.datatypes:
        description["datatype"] = each.datatypes[0]
    if each.shape is not None:
        description["shape"] = [1] if each.number else list(each.shape)
    if len(each.datatypes) > 1:
        description["datatypes"] = list(each.datatypes)
    if each.optional:
        description["optional"] = True
    for name in ("minimum", "maximum"):
        if getattr(each, name) is not None:
            description[name] = getattr(each, name)
    return description
