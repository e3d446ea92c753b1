"""Generates example requests from a model's metadata and tries them before they are shown."""

import base64
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

# Sizes to try for a dimension of any size, because the smallest valid size is unknown.
SIZES = (4, 32, 224)
# Values to try where the metadata does not give the datatype or the number of dimensions.
DATATYPES, RANKS = ("FP32", "INT64"), (1, 2, 3, 4)
# Maximum number of numbers in an example; larger guesses are not tried.
NUMBERS = 200_000
# A tensor with more numbers than this repeats a single number.
VARIED = 24
# Maximum number of characters of a body that a command contains literally.
SPELT_OUT = 400


class Tensor(NamedTuple):
    """An input of an example."""

    name: str
    datatype: str
    shape: list[int]

    def numbers(self) -> Any:  # noqa: ANN401 (an array of any datatype)
        """Return its numbers as an array."""
        if self.datatype == "BOOL":
            return np.ones(self.shape, bool)
        step = 0.5 if self.datatype.startswith(("FP", "BF")) else 1
        few = math.prod(self.shape) <= VARIED
        return np.resize(np.arange(1, 10) * step if few else [step], self.shape)


class Example(NamedTuple):
    """A request.

    Attributes:
        path: the path, relative to the server's URL.
        value: the body, before it is encoded as JSON.
    """

    path: str
    value: Any

    def body(self) -> bytes:
        """Return the body as bytes."""
        return json.dumps(self.value).encode()

    def command(self, url: str) -> str:
        """Return the shell command; it generates a long body with Python."""
        curl = "curl -H 'Content-Type: application/json'"
        text = json.dumps(self.value)
        if len(text) <= SPELT_OUT:
            return f"{curl} -d '{text}' {url}{self.path}"
        program = f"import json; print(json.dumps({_expression(self.value)}))"
        return f"python3 -c '{program}' | {curl} --data-binary @- {url}{self.path}"


def examples(metadata: Mapping[str, Any], accepted: Callable[[bytes], bool]) -> list[Example]:
    """Return one request per format that the model accepts; none if no guess succeeded.

    `accepted` returns whether the model responds to a body with status 200.
    """
    for tensors in _guesses(metadata["inputs"]):
        made = _requests(metadata["name"], tensors, rows=metadata["batch"] == "rows")
        if accepted(made[-1].body()):
            return [each for each in made if accepted(each.body())]
    return []


def provided(metadata: Mapping[str, Any]) -> tuple[bytes, str] | None:
    """Return the body and content type of the example that the archive holds, or None."""
    example = metadata.get("example")
    if not example:
        return None
    text: str | None = example.get("text")
    body = base64.b64decode(example["base64"]) if text is None else text.encode()
    return body, example["content_type"]


def _guesses(inputs: Sequence[Mapping[str, Any]]) -> Iterator[list[Tensor]]:
    """Yield guesses of the required inputs, without duplicates."""
    required: Sequence[Mapping[str, Any]]
    required = [each for each in inputs if not each.get("optional")]
    # A list of tensors has no names.
    required = required or inputs[:1] or [{"name": "input_0"}]
    tried: list[list[Tensor]] = []
    for size, rank, datatype in itertools.product(SIZES, RANKS, DATATYPES):
        guess = [_guess(each, size, rank, datatype) for each in required]
        if guess not in tried and sum(math.prod(tensor.shape) for tensor in guess) <= NUMBERS:
            tried.append(guess)
            yield guess


def _guess(given: Mapping[str, Any], size: int, rank: int, datatype: str) -> Tensor:
    shape = given.get("shape") or [-1] * rank
    # One row is enough, but a one-dimensional list gets more numbers.
    first = 1 if len(shape) > 1 else size
    filled = [(size if i else first) if known < 0 else known for i, known in enumerate(shape)]
    return Tensor(given["name"], given.get("datatype") or datatype, filled)


def _requests(model: str, tensors: Sequence[Tensor], *, rows: bool) -> list[Example]:
    whole = {tensor.name: tensor.numbers().tolist() for tensor in tensors}
    instance = {name: value[0] for name, value in whole.items()} if rows else whole
    alone = len(tensors) == 1
    instances = [next(iter(instance.values())) if alone else instance]
    inputs = [{**tensor._asdict(), "data": tensor.numbers().ravel().tolist()} for tensor in tensors]
    made = [
        Example(f"/v1/models/{model}:predict", {"instances": instances}),
        Example(f"/v2/models/{model}/infer", {"inputs": inputs}),
    ]
    bare = Example(f"/predictions/{model}", next(iter(whole.values()), None))
    return [bare, *made] if alone else made


def _expression(value: Any) -> str:  # noqa: ANN401 (JSON of any depth)
    """Return a Python expression for `value`; a list of equal items becomes `[item] * count`."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(k)}: {_expression(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        if len(value) > 1 and all(item == value[0] for item in value):
            return f"[{_expression(value[0])}] * {len(value)}"
        return f"[{', '.join(map(_expression, value))}]"
    return json.dumps(value) if isinstance(value, str) else repr(value)
