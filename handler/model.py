"""A model with its settings."""

import base64
import mimetypes
from collections.abc import Sequence
from pathlib import Path

import torch

import hooks
import samples
from merging import Runner
from module import Module
from settings import FILE, InputSettings, ModelSettings, OutputSettings, Settings
from wire.datatypes import INTEGERS
from wire.interface import OCTETS, Batching, Input, Interface

# Maximum size of an example, which is part of each response with the metadata.
EXAMPLE_BYTES = 256 << 10


class Model:
    """A loaded model.

    Attributes:
        interface: what requests need to know of it.
        runner: runs its calls.
        description: its properties in the format of V2's model metadata, with more keys; unknown
            properties of an input or output are left out.
        sample_error: why samples did not run although datatypes and shapes are known; None if all
            ran.
    """

    def __init__(
        self, path: Path, settings: Settings, device: torch.device, name: str, version: str
    ) -> None:
        """Load the file onto `device`, warm it up and check it.

        Raises:
            ValueError: the module is not supported, or `settings` does not match it.
        """
        module = Module(path, settings.model, device)
        signature = module.signature
        self.device = device
        self._beside = path.parent / hooks.FOLDER
        batch: Batching = signature.batch
        safe = device.type != "cpu"
        try:
            outputs, self.sample_error = samples.run(module, signature.inputs, batch, safe=safe)
        except ValueError:
            if settings.model.batch:
                raise
            # A .pt2 file whose dimensions allow `rows`, but whose results depend on other rows.
            batch = "none"
            outputs, self.sample_error = samples.run(module, signature.inputs, batch, safe=safe)
        self.interface = Interface(
            signature.inputs, batch, signature.any_name, name, version, module.several
        )
        self.runner = Runner(module, self.interface, signature.most_rows)
        self.description: dict[str, object] = {
            "name": name,
            "versions": [version],
            "platform": module.platform,
            **self._tensors(outputs, settings.model),
            "batch": batch,
            "device": str(device),
        }
        if settings.model.accepts:
            self.description["accepts"] = settings.model.accepts
        if settings.model.example:
            self.description["example"] = self._example(settings.model.example)

    def _tensors(
        self, outputs: Sequence[dict[str, object]], settings: ModelSettings
    ) -> dict[str, list[dict[str, object]]]:
        named = settings.outputs if isinstance(settings.outputs, dict) else {}
        inputs = [_described_input(tensor) for tensor in self.interface.inputs]
        for tensor in inputs:
            configured = settings.inputs.get(str(tensor["name"]), InputSettings())
            _name(tensor, "columns", configured.columns)
        for tensor in outputs:
            texts = named.get(str(tensor["name"]), OutputSettings())
            _name(tensor, "columns", texts.columns)
            labels = texts.labels
            if isinstance(labels, str):
                labels = self._read(labels).decode().splitlines()
            _name(tensor, "labels", labels)
        return {"inputs": inputs, "outputs": [*outputs]}

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


def _described_input(spec: Input) -> dict[str, object]:
    shape = None if spec.shape is None else list(spec.shape)
    description = {
        "name": spec.name,
        "datatype": spec.datatypes[0] if spec.datatypes else None,
        "shape": [1] if spec.number else shape,
        "datatypes": list(spec.datatypes) if len(spec.datatypes) > 1 else None,
        "optional": spec.optional or None,
        "minimum": spec.minimum,
        "maximum": spec.maximum,
    }
    return {key: value for key, value in description.items() if value is not None}
