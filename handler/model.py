"""A model with its settings."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Sequence
from pathlib import Path

import torch

import hooks
import merging
import samples
from merging import Results
from module import Module
from settings import FILE, OutputSettings, Settings
from wire.datatypes import INTEGERS
from wire.interface import Batch, Input
from wire.request import OCTETS, Call

# Maximum size of an example, which is part of each response with the metadata.
EXAMPLE_BYTES = 256 << 10


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
        self._settings = settings.model
        self._beside = path.parent / hooks.FOLDER
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
        self._metadata = self._described()

    def __call__(self, calls: Sequence[Call]) -> Results:
        """Run all calls; yield the places and results of some of them at a time (merging.run)."""
        return merging.run(self._module, calls, self.batch, self._numbers, self._most_rows)

    def metadata(self) -> dict[str, object]:
        """Return the inputs and outputs in the format of V2's model metadata.

        Unknown properties of an input or output are left out.
        """
        return self._metadata

    def _described(self) -> dict[str, object]:
        given = self._settings
        named = given.outputs if isinstance(given.outputs, dict) else {}
        inputs = [_described_input(each) for each in self.inputs]
        outputs: list[dict[str, object]] = [
            {"name": each.name, "datatype": each.datatype, "shape": list(each.shape)}
            for each in self.outputs
        ]
        for each in inputs:
            self._name(
                each, "columns", getattr(given.inputs.get(str(each["name"])), "columns", None)
            )
        for each in outputs:
            own = named.get(str(each["name"]), OutputSettings())
            self._name(each, "columns", own.columns)
            labels = own.labels
            if isinstance(labels, str):
                labels = self._read(labels).decode().splitlines()
            self._name(each, "labels", labels)
        described: dict[str, object] = {"inputs": inputs, "outputs": outputs, "batch": self.batch}
        if given.accepts:
            described["accepts"] = given.accepts
        if given.example:
            described["example"] = self._example(given.example)
        return described

    def _read(self, name: str) -> bytes:
        """Return the content of a file beside the archive's code."""
        path = self._beside / name
        if path.name != name or not path.is_file():
            raise ValueError(f"{FILE}: the file {name} is not in the archive: add it to FILES")
        return path.read_bytes()

    def _example(self, name: str) -> dict[str, str]:
        """Return an example of a request: its content type, and its body as text or base64."""
        body = self._read(name)
        if len(body) > EXAMPLE_BYTES:
            raise ValueError(f"{FILE}: model.example: {name} has more than {EXAMPLE_BYTES} bytes")
        # Only Python's own table, not that of the system.
        content_type = mimetypes.MimeTypes().guess_type(name)[0] or OCTETS
        try:
            return {"content_type": content_type, "text": body.decode()}
        except UnicodeDecodeError:
            return {"content_type": content_type, "base64": base64.b64encode(body).decode()}

    @staticmethod
    def _name(tensor: dict[str, object], key: str, names: list[str] | None) -> None:
        """Add `labels` or `columns` to the description of a tensor.

        The labels of integers name values, all others positions of the last dimension.
        """
        if names is None:
            return
        shape = tensor.get("shape")
        size = shape[-1] if isinstance(shape, list) and shape else -1
        values = key == "labels" and tensor.get("datatype") in INTEGERS
        if not values and size not in (-1, len(names)):
            raise ValueError(
                f"{FILE}: {tensor['name']} has {len(names)} {key}, and its last dimension is {size}"
            )
        tensor[key] = names


def _described_input(each: Input) -> dict[str, object]:
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
