"""The settings in an archive: model-config.yaml, with keys of TorchServe and of the handler."""

import re
from collections.abc import Hashable, Mapping
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import yaml

from wire.datatypes import INTEGERS, Datatype
from wire.interface import Batching
from wire.pieces import MAX_DIMENSIONS

FILE = "model-config.yaml"

# The largest Java int.
_LARGEST = 2**31 - 1
Positive = Annotated[int, msgspec.Meta(ge=1, le=_LARGEST)]
NotNegative = Annotated[int, msgspec.Meta(ge=0, le=_LARGEST)]
Size = Annotated[int, msgspec.Meta(ge=-1)]
ContentType = Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9.+-]+/([a-z0-9.+-]+|\*)|\*/\*)$")]


class InputSettings(msgspec.Struct, forbid_unknown_fields=True):
    """The properties of an input that a TorchScript module does not contain.

    Attributes:
        datatype: one datatype or several, the preferred one first.
        shape: the dimensions; -1 stands for any size.
        minimum: the smallest integer that a request may contain.
        maximum: the largest integer that a request may contain.
        columns: the names of the positions of the last dimension, for the metadata.
    """

    datatype: Datatype | Annotated[list[Datatype], msgspec.Meta(min_length=1)] | None = None
    shape: Annotated[list[Size], msgspec.Meta(max_length=MAX_DIMENSIONS)] | None = None
    minimum: int | None = None
    maximum: int | None = None
    columns: list[str] | None = None

    def __post_init__(self) -> None:
        """Refuse bounds that no integer is within."""
        low, high = self.minimum, self.maximum
        if low is None and high is None:
            return
        if self.datatypes and INTEGERS.keys().isdisjoint(self.datatypes):
            raise ValueError("minimum and maximum are for integers")
        if low is not None and high is not None and low > high:
            raise ValueError("minimum is larger than maximum")

    @property
    def datatypes(self) -> tuple[str, ...]:
        """The datatypes; empty if they are not set."""
        if self.datatype is None:
            return ()
        return (self.datatype,) if isinstance(self.datatype, str) else tuple(self.datatype)


class OutputSettings(msgspec.Struct, forbid_unknown_fields=True):
    """What the metadata says of an output besides what the model returns.

    Attributes:
        labels: the names of the classes along the last dimension; or a file beside the archive's
            code that has one in each line.
        columns: the names of the positions of the last dimension.
    """

    labels: str | list[str] | None = None
    columns: list[str] | None = None


class ModelSettings(msgspec.Struct, forbid_unknown_fields=True):
    """The key `model`, which the handler reads.

    Attributes:
        batch: how requests may share a call of the model; by default `none`, for a .pt2 file `rows`
            where its dimensions allow that. `none`: each request is a separate call.
            `rows`: dimension 0 of every input and output is the batch. `elements`: each number of
            the output depends only on the number at the same index of the input.
        threads: number of threads of one call of the model.
        inputs: keyed by the names of the module's arguments, or by the keys of its dict.
        outputs: the names of the outputs, in order.
        code: the file with the archive's own code (`hooks`), which `make archive CODE=` sets.
        accepts: the content types that this code reads, such as `image/jpeg`, `image/*`, `*/*`.
        example: a file beside the code that is an example of a request.
    """

    batch: Batching | None = None
    threads: Positive = 1
    inputs: dict[str, InputSettings] = msgspec.field(default_factory=dict)
    outputs: (
        Annotated[list[str], msgspec.Meta(min_length=1)]
        | Annotated[dict[str, OutputSettings], msgspec.Meta(min_length=1)]
        | None
    ) = None
    code: str | None = None
    accepts: list[ContentType] = msgspec.field(default_factory=list)
    example: str | None = None


class Settings(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """The whole file: the keys of TorchServe that this handler supports, and `model`."""

    batch_size: Positive = 1
    # TorchServe reads 0 in this file as the default.
    max_batch_delay: Positive = 100
    response_timeout: Positive = 120
    startup_timeout: Positive = 120
    max_retry_timeout_in_sec: Positive = 300
    min_workers: Positive = 1
    max_workers: Positive = 1
    job_queue_size: Positive = 100
    client_timeout_in_mills: NotNegative = 0
    use_job_ticket: bool = False
    device_type: Literal["cpu", "gpu"] | None = None
    device_ids: list[NotNegative] = msgspec.field(default_factory=list)
    model: ModelSettings = msgspec.field(default_factory=ModelSettings)

    def __post_init__(self) -> None:
        """Refuse numbers of workers that contradict each other."""
        if self.min_workers > self.max_workers:
            raise ValueError("minWorkers needs a maxWorkers that is not smaller")


_BOOL = "tag:yaml.org,2002:bool"


class _Loader(yaml.SafeLoader):
    """YAML as people mean it.

    Refuses duplicate keys, of which PyYAML would use the last, and reads `on`, `off`, `yes` and
    `no` as strings, because they are names in a model's settings.
    """

    yaml_implicit_resolvers: ClassVar = {  # type: ignore[misc]
        first: [pair for pair in pairs if pair[0] != _BOOL]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value} appears twice", problem_mark=key.start_mark
                )
            if key.tag != "tag:yaml.org,2002:merge":
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(_BOOL, re.compile("true|True|TRUE|false|False|FALSE"), list("tTfF"))


def load(text: str) -> Any:  # noqa: ANN401 (any content of a YAML file)
    """Return the content of the text of a model-config.yaml.

    Raises:
        ValueError: the text is not YAML or is empty.
    """
    try:
        content = yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"{FILE} is not YAML: {error.problem}{line}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{FILE} is not YAML: {' '.join(str(error).split())}") from None
    if content is None:
        raise ValueError(f"{FILE} contains no settings")
    if isinstance(content, dict) and isinstance(ticket := content.get("useJobTicket"), str):
        content["useJobTicket"] = yaml.safe_load(ticket)  # the only key whose value is a boolean
    return content


def read(content: Any) -> Settings:  # noqa: ANN401 (any content of a YAML file)
    """Return the settings from the parsed content of a model-config.yaml.

    Raises:
        ValueError: a key or value is invalid; the message names the key.
    """
    if not isinstance(content, Mapping):
        raise ValueError(  # noqa: TRY004 (a value of the file)
            f"{FILE}: expected keys and values, got {type(content).__name__}"
        )
    try:
        return msgspec.convert(content, Settings)
    except msgspec.ValidationError as error:
        raise ValueError(f"{FILE}: {_named(content, error)}") from None


def _named(content: Mapping[str, Any], error: msgspec.ValidationError) -> str:
    """Return msgspec's message with the name of the input, which msgspec leaves out."""
    message = str(error).replace("`", "")
    if "$.model.inputs[...]" in message:
        for name, input_ in content["model"]["inputs"].items():
            try:
                msgspec.convert(input_, InputSettings)
            except msgspec.ValidationError as own:
                message = str(own).replace("`", "")
                message += "" if " - at $" in message else " - at $"
                message = message.replace("at $", f"at $.model.inputs.{name}")
                break
    if message.startswith("Expected str, got bool"):
        message += ": YAML reads on, off, yes and no as true and false, so put the name in quotes"
    return message
