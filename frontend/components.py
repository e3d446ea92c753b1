"""How a person gives an input: the component for each kind of tensor."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st

from frontend import display
from frontend.model import Tensor
from frontend.reading import NotNumbersError, Table, read, to_numbers

# The most columns of an input that is filled in as a table.
TABLE_COLUMNS = 50
# Up to here, the browser's number fields are exact.
EXACT = 2**53 - 1


@dataclass(frozen=True)
class Component:
    """How a person gives one input.

    Attributes:
        fits: whether it can represent an input with a shape of at most two dimensions.
        draw: draws it with initial values (None: empty); returns a function that returns what was
            entered in the input's shape, or None if nothing was, or raises NotNumbersError.
    """

    fits: Callable[[Tensor, tuple[int, ...]], bool]
    draw: Callable[[Tensor, np.ndarray | None, str], Callable[[], np.ndarray | None]]


def _title(tensor: Tensor) -> str:
    return f"{display.plain(tensor.name)} (optional)" if tensor.optional else tensor.name


def _limits(tensor: Tensor) -> tuple[Any, Any]:
    """Return the bounds of a field of numbers, as int or float; None for no bound."""
    if not tensor.whole:
        low, high = tensor.minimum, tensor.maximum
        return None if low is None else float(low), None if high is None else float(high)
    low = 0 if tensor.datatypes[0].startswith("U") else -EXACT
    low = low if tensor.minimum is None else max(low, math.ceil(tensor.minimum))
    return low, EXACT if tensor.maximum is None else min(EXACT, math.floor(tensor.maximum))


def _value(tensor: Tensor, first: np.ndarray | None, key: str) -> Callable[[], np.ndarray | None]:
    # Streamlit wants all of a field's numbers to be of one type.
    kind = bool if tensor.datatypes[0] == "BOOL" else int if tensor.whole else float
    initial: Any = None if first is None else kind(first.ravel()[0])
    entered: Any
    if kind is bool:
        index = None if initial is None else int(not initial)
        entered = st.selectbox(_title(tensor), [True, False], index=index, key=key)
    else:
        low, high = _limits(tensor)
        exact = {"step": 1} if tensor.whole else {"step": 0.1, "format": "%g"}
        entered = st.number_input(
            _title(tensor), low, high, initial, key=key, help=_range(tensor),
            placeholder="not sent" if tensor.optional else None, **exact,
        )  # fmt: skip

    def read_value() -> np.ndarray | None:
        if entered is None and not tensor.optional:
            raise NotNumbersError([f"{tensor.name} is empty"])
        return None if entered is None else np.full([abs(n) for n in tensor.shape or ()], entered)

    return read_value


def _range(tensor: Tensor) -> str | None:
    low, high = ("" if x is None else f"{x:,}" for x in (tensor.minimum, tensor.maximum))
    return f"{low or 'any'} to {high or 'any'}" if low or high else None


def column_names(tensor: Tensor) -> list[str]:
    """Return distinct names of an input's columns."""
    width = (tensor.shape or (1,))[-1]
    if len(set(tensor.names)) == width:
        return list(tensor.names)
    return [f"{tensor.name} {i + 1}" for i in range(width)]


def _table(tensor: Tensor, first: np.ndarray | None, key: str) -> Callable[[], np.ndarray | None]:
    names, shape = column_names(tensor), tensor.shape or ()
    low, high = _limits(tensor)
    kind = {"B": "bool", "I": "int64", "U": "int64"}.get(tensor.datatypes[0][0], "float64")
    values = np.empty((0, len(names))) if first is None else first.reshape(-1, len(names))
    number = st.column_config.NumberColumn(
        required=True, min_value=low, max_value=high, step=1 if kind == "int64" else None,
        format="%s", help=_range(tensor),
    )  # fmt: skip
    grows = tensor.optional or (len(shape) > 1 and shape[0] < 0)
    st.caption(f"{_title(tensor)}{': a click below the last row adds one' if grows else ''}")
    edited = st.data_editor(
        pa.table(dict(zip(names, values.astype(kind).T, strict=True))),
        key=key, hide_index=True, num_rows="dynamic" if grows else "fixed",
        column_config={} if kind == "bool" else dict.fromkeys(names, number),
        alt=f"Table of {tensor.name}, to fill in",
    )  # fmt: skip

    def read_table() -> np.ndarray | None:
        if tensor.optional and not edited.num_rows:
            return None
        for name in names:
            if edited[name].null_count:
                row = edited[name].to_pylist().index(None) + 1
                raise NotNumbersError([f"{tensor.name}, row {row}: “{name}” is empty"])
        found = np.column_stack([edited[name].to_numpy() for name in names])
        return found if len(shape) > 1 else found.reshape(shape)

    return read_table


def _lines(tensor: Tensor, first: np.ndarray | None, key: str) -> Callable[[], np.ndarray | None]:
    rows = [] if first is None else first.reshape(-1, first.shape[-1]).tolist()
    many = len(tensor.shape or ()) > 1
    text = st.text_area(
        _title(tensor),
        "\n".join(" ".join(map(str, row)) for row in rows),
        key=key,
        height=100,
        placeholder="1 2 3" + (", and a line for each further row" if many else ""),
    )

    def read_lines() -> np.ndarray | None:
        found = []
        for i, line in enumerate((text.strip().splitlines() or [""]) if many else [text]):
            try:
                source = read(line)
                source = source.source() if isinstance(source, Table) else source
                found.append(to_numbers(source).values)
            except NotNumbersError as error:
                if tensor.optional and not text.strip():
                    return None
                problems = [f"{tensor.name}, row {i + 1}: {each}" for each in error.sentences]
                raise NotNumbersError(problems) from None
        if len({len(row) for row in found}) > 1:
            raise NotNumbersError([f"The rows of {tensor.name} differ in length"])
        return np.array(found) if many else found[0]

    return read_lines


# Kinds of input, and the component for each, in the order in which they are tried.
COMPONENTS = {
    "value": Component(lambda _, shape: all(size == 1 for size in shape), _value),
    "table": Component(lambda _, shape: 0 < shape[-1] <= TABLE_COLUMNS, _table),
    "lines": Component(lambda each, shape: shape[-1] < 0 and each.datatypes[0] != "BOOL", _lines),
}


def component_of(tensor: Tensor) -> str | None:
    """Return the kind of component that an input can be filled in with, if any."""
    shape = tensor.shape
    if shape is None or len(shape) > 2:  # noqa: PLR2004 (rows and columns)
        return None
    return next((name for name, each in COMPONENTS.items() if each.fits(tensor, shape)), None)
