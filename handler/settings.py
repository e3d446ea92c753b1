"""The settings in an archive: model-config.yaml, TorchServe's keys and the handler's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
import yaml

from wire.datatypes import INTEGERS, Datatype
from wire.interface import Batch

FILE = "model-config.yaml"
MAX_DIMENSIONS = 8

Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]
Size = Annotated[int, msgspec.Meta(ge=-1)]


class InputSettings(msgspec.Struct, forbid_unknown_fields=True):
    """What a TorchScript module does not say of an input.

    Attributes:
        datatype: one datatype or several, the preferred one first.
        shape: the dimensions; -1 stands for any size.
        minimum: the smallest integer that a request may hold.
        maximum: the largest one.
    """

    datatype: Datatype | Annotated[list[Datatype], msgspec.Meta(min_length=1)] | None = None
    shape: Annotated[list[Size], msgspec.Meta(max_length=MAX_DIMENSIONS)] | None = None
    minimum: int | None = None
    maximum: int | None = None

    @property
    def datatypes(self) -> tuple[str, ...]:
        """The datatypes, none where nothing is known."""
        if self.datatype is None:
            return ()
        return (self.datatype,) if isinstance(self.datatype, str) else tuple(self.datatype)


class ModelSettings(msgspec.Struct, forbid_unknown_fields=True):
    """The key `model`, which the handler reads.

    Attributes:
        batch: how requests may share a call of the model. `none`: each is a call of its own.
            `rows`: dimension 0 of every input and output is the batch. `elements`: each number of
            the output depends on the number at the same index of the input only.
        threads: threads of one call of the model.
        inputs: by the names of the module's arguments, or of its dict's keys.
        outputs: names for the outputs, in order.
    """

    batch: Batch = "none"
    threads: Positive = 1
    inputs: dict[str, InputSettings] = msgspec.field(default_factory=dict)
    outputs: Annotated[list[str], msgspec.Meta(min_length=1)] | None = None


class Settings(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The whole file: the keys of TorchServe that make sense with this handler, and `model`."""

    batch_size: Positive = 1
    max_batch_delay: NotNegative = 100
    response_timeout: Positive = 120
    startup_timeout: Positive = 120
    max_retry_timeout_in_sec: Positive = 300
    min_workers: Positive = 1
    max_workers: Positive = 1
    job_queue_size: Positive = 100
    client_timeout_in_mill: NotNegative = 0
    use_job_ticket: bool = False
    device_type: Literal["cpu", "gpu"] | None = None
    device_ids: list[NotNegative] = msgspec.field(default_factory=list)
    model: ModelSettings = msgspec.field(default_factory=ModelSettings)


def read_text(text: str) -> Settings:
    """Return the settings in the text of a model-config.yaml.

    Raises:
        ValueError: it is not YAML, holds no keys, or a key or value is wrong.
    """
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{FILE} is not YAML: {' '.join(str(error).split())}") from None
    if content is None:
        raise ValueError(f"{FILE} holds no settings")
    return read(content)


def read(content: Any) -> Settings:  # noqa: ANN401 (whatever a YAML file can hold)
    """Return the settings in the content of a model-config.yaml.

    Raises:
        ValueError: a key or value is wrong; the message names the key.
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"{FILE}: expected keys and values, got {type(content).__name__}")
    try:
        settings = msgspec.convert(content, Settings)
    except msgspec.ValidationError as error:
        raise ValueError(f"{FILE}: {_named(content, error)}") from None
    for name, given in settings.model.inputs.items():
        _check_bounds(name, given)
    if settings.max_workers < settings.min_workers and "maxWorkers" in content:
        raise ValueError(f"{FILE}: maxWorkers is smaller than minWorkers")
    return settings


def _named(content: Mapping[str, Any], error: msgspec.ValidationError) -> str:
    """Return msgspec's message with the input's name, which msgspec leaves out."""
    message = str(error).replace("`", "")
    if "$.model.inputs[...]" not in message:
        return message
    for name, given in content["model"]["inputs"].items():
        try:
            msgspec.convert(given, InputSettings)
        except msgspec.ValidationError as own:
            place = str(own).replace("`", "")
            message = place if " - at $" in place else f"{place} - at $"
            return message.replace("at $", f"at $.model.inputs.{name}")
    return message


def _check_bounds(name: str, given: InputSettings) -> None:
    place = f"{FILE}: model.inputs.{name}"
    if given.minimum is None and given.maximum is None:
        return
    if given.datatypes and not any(datatype in INTEGERS for datatype in given.datatypes):
        raise ValueError(f"{place}: minimum and maximum are for integers")
    if None not in (given.minimum, given.maximum) and given.minimum > given.maximum:  # type: ignore[operator]
        raise ValueError(f"{place}: minimum is larger than maximum")
