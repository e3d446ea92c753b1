"""Models as the wire format sees them, without a module."""

import json
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from wire import parse
from wire.errors import RequestError
from wire.interface import Body, Input, Interface, Outputs

MINIMUM, MAXIMUM = -(2**62), 2**62 - 1


NUMBERS = Input("numbers", ("INT64", "FP64"), (-1,), minimum=MINIMUM, maximum=MAXIMUM)
DOUBLEIT = Interface((NUMBERS,), "elements", False, "m", "1.0")
ANYTHING = Interface((Input("x"),))
ROWS = Interface((Input("x", ("FP32",), (-1, 2)),), "rows")
PAIR = Interface(
    (
        Input("dense", ("FP32",), (-1, 2)),
        Input("ids", ("INT64",), (-1,), minimum=0),
        Input("k", ("INT64",), (), optional=True, number=True),
    ),
    "rows",
)


def answer(
    body: bytes | str,
    model: Interface = DOUBLEIT,
    outputs: Sequence[Outputs] | None = None,
    json_size: int | None = None,
) -> Body:
    """Parse a body and render the response; without `outputs`, the inputs are the outputs."""
    data = body.encode() if isinstance(body, str) else body
    request = parse.parse(data, model, json_size)
    return request.render(request.calls if outputs is None else outputs, model)


def echo(body: bytes | str, model: Interface = DOUBLEIT) -> bytes:
    return bytes(answer(body, model).data)


def refusal(
    body: bytes | str, model: Interface = DOUBLEIT, kind: str = "InvalidInput", **more: Any
) -> str:

    with pytest.raises(RequestError) as caught:
        answer(body, model, **more)
    assert caught.value.kind == kind
    return str(caught.value)


def tensor(
    data: Any, datatype: str = "INT64", shape: list[int] | None = None, name: str = "x"
) -> dict[str, Any]:
    size = [len(data)] if shape is None else shape
    return {"name": name, "shape": size, "datatype": datatype, "data": data}


def v2(*tensors: dict[str, Any], **more: Any) -> str:
    return json.dumps({"inputs": list(tensors), **more})


def peak_bytes(function: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
