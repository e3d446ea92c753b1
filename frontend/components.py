"""How a person gives an input: the component for each kind of tensor."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st

from frontend import display
from frontend.display import EXACT_IN_BROWSER
from frontend.model import Tensor
from frontend.reading import NotNumbersError, Numbers, Source, Table, read, to_numbers

# The most columns of an input that is filled in as a table.
TABLE_COLUMNS = 50
# Returns what was entered in the input's shape, or None if nothing was, or raises NotNumbersError.
Read = Callable[[], Numbers | None]


# Draws the component of an input with its initial values, if any, and a key.
Component = Callable[[Tensor, np.ndarray | None, str], Read]


def _title(tensor: Tensor) -> str:
    return f"{display.plain(tensor.name)} (optional)" if tensor.optional else tensor.name


def _limits(tensor: Tensor) -> tuple[Any, Any]:
    """Return the bounds of a field of numbers, as int or float; None for no bound."""
    if not tensor.whole:
        low, high = (None if x is None else float(x) for x in (tensor.minimum, tensor.maximum))
        return low, high
    low = 0 if tensor.datatypes[0].startswith("U") else -EXACT_IN_BROWSER
    low = low if tensor.minimum is None else max(low, math.ceil(tensor.minimum))
    most = EXACT_IN_BROWSER if tensor.maximum is None else math.floor(tensor.maximum)
    return low, min(EXACT_IN_BROWSER, most)


def _value(tensor: Tensor, first: np.ndarray | None, key: str) -> Read:
    # Streamlit wants all of a field's numbers to be of one type.
    kind = bool if tensor.datatypes[0] == "BOOL" else int if tensor.whole else float
    initial: Any = None if first is None else kind(first.ravel()[0])
    entered: Any
    if kind is bool:
        index = None if initial is None else int(not initial)
        entered = st.selectbox(_title(tensor), [True, False], index=index, key=key)
    else:
        low, high = _limits(tensor)
        options: dict[str, Any] = {"step": 1} if tensor.whole else {"step": 0.1, "format": "%g"}
        options |= {"placeholder": "not sent"} if tensor.optional else {}
        options |= {"key": key, "help": _range(tensor)}
        entered = st.number_input(_title(tensor), low, high, initial, **options)

    def read_value() -> Numbers | None:
        if entered is None and not tensor.optional:
            raise NotNumbersError([f"{tensor.name} is empty"])
        return None if entered is None else Numbers(np.full(tensor.shape or (), entered))

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


def table(tensor: Tensor, first: np.ndarray | None, key: str) -> Read:
    """Draw a table."""
    names, shape = column_names(tensor), tensor.shape or ()
    values = np.empty((0, len(names))) if first is None else first.reshape(-1, len(names))
    boolean = tensor.datatypes[0] == "BOOL"
    values = values.astype("bool" if boolean else "int64" if tensor.whole else "float64")
    # Texts, because a column of numbers would take "3,5" for 35, and round large integers.
    cells = {name: pa.array(each) if boolean else display.texts(each)
             for name, each in zip(names, values.T, strict=True)}  # fmt: skip
    text = st.column_config.TextColumn(alignment="right", help=_range(tensor))
    grows = tensor.optional or (len(shape) > 1 and shape[0] < 0)
    st.caption(f"{_title(tensor)}{': a click below the last row adds one' if grows else ''}")
    edited = st.data_editor(
        pa.table(cells), key=key, hide_index=True, num_rows="dynamic" if grows else "fixed",
        column_config={} if boolean else dict.fromkeys(names, text),
        alt=f"Table of {tensor.name}, to fill in",
    )  # fmt: skip

    def read_table() -> Numbers | None:
        rows = list(zip(*(edited[name].to_pylist() for name in names), strict=True))
        if not rows and tensor.optional:
            return None
        if boolean:
            found = Numbers(np.array(rows, bool))
        else:
            texts = pa.array([cell or "" for row in rows for cell in row], pa.large_string())
            found = to_numbers(Source(texts, place))
        size = [len(rows), len(names)] if len(shape) > 1 else list(shape)
        return found._replace(values=found.values.reshape(size))

    def place(index: int) -> str:
        return f"{tensor.name}, row {index // len(names) + 1}, {names[index % len(names)]}"

    return read_table


def _lines(tensor: Tensor, first: np.ndarray | None, key: str) -> Read:
    rows = [] if first is None else first.reshape(-1, first.shape[-1]).tolist()
    many = len(tensor.shape or ()) > 1
    value = "\n".join(" ".join(map(str, row)) for row in rows)
    more = "1 2 3" + (", and a line for each further row" if many else "")
    text = st.text_area(_title(tensor), value, key=key, height=100, placeholder=more)

    def read_lines() -> Numbers | None:
        found: list[Numbers] = []
        for i, line in enumerate((text.strip().splitlines() or [""]) if many else [text]):
            try:
                source = read(line)
                source = source.source() if isinstance(source, Table) else source
                found.append(to_numbers(source))
            except NotNumbersError as error:
                if tensor.optional and not text.strip():
                    return None
                problems = [
                    f"{tensor.name}, row {i + 1}: {sentence}" for sentence in error.sentences
                ]
                raise NotNumbersError(problems) from None
        if len({len(row.values) for row in found}) > 1:
            raise NotNumbersError([f"The rows of {tensor.name} differ in length"])
        notes = tuple(f"{tensor.name}: {note}" for row in found for note in row.notes)
        return Numbers(np.array([row.values for row in found]), notes) if many else found[0]

    return read_lines


def component_of(tensor: Tensor) -> Component | None:
    """Return the component that an input can be filled in with, if any."""
    shape = tensor.shape
    if shape is None or len(shape) > 2:  # noqa: PLR2004 (rows and columns)
        return None
    if all(size == 1 for size in shape):
        return _value
    if 0 < shape[-1] <= TABLE_COLUMNS:
        return table
    return _lines if shape[-1] < 0 and tensor.datatypes[0] != "BOOL" else None
