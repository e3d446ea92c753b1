"""The page for a model that returns one number for each number of a list."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
import streamlit as st

from frontend import display, export, memory, outcome, reading, widgets
from frontend.client import Client
from frontend.model import Model, Words
from frontend.outcome import Failure, Result
from frontend.settings import Settings

# A longer output can only be downloaded, not copied.
COPY_NUMBERS = 10_000
# A longer output scrolls in a box.
CODE_NUMBERS = 20


def draw_form(
    config: Settings, words: Words, model: Model | None, connect: Callable[[], Client]
) -> Result | Failure | None:
    """Draw the form; after a click, send the numbers and return the outcome, otherwise None."""
    placeholder = (
        "1, 2, 3.5\n\nSeparated by commas, spaces or new lines, or a JSON list like [1, 2, 3.5], "
        f"or cells from a spreadsheet. Up to {config.max_numbers:,} numbers, "
        f"{display.mib(config.max_text_bytes)}"
    )
    field = widgets.Field("Numbers", placeholder, "A file of numbers")
    submitted = widgets.form(config, words.button, field)
    if submitted is None:
        return None
    if isinstance(submitted.content, str):
        read = partial(reading.parse, submitted.content, config.max_numbers)
    else:
        read = partial(reading.parse_file, submitted.name, submitted.content, config.max_numbers)
    with (
        st.spinner("The model is at work …", show_time=True),
        memory.turn(len(submitted.content)),
    ):
        return outcome.predict(read, connect, submitted.version, model)


def show(config: Settings, result: Result) -> None:
    """Show the figures, the table, the chart and the downloads."""
    assert result.numbers  # noqa: S101 (that is what this page is for)
    inputs, outputs = result.numbers.values, result.response.values
    widgets.figures(
        {"Numbers": f"{len(outputs):,}"}, result.response.version, result.response.seconds
    )
    for note in result.numbers.notes:
        st.warning(display.plain(note), icon=":material/info:")
    table, chart = st.columns([3, 2])
    columns = {"Input": inputs, "Output": outputs}
    with table, memory.turn(inputs.nbytes):
        widgets.table(columns)
    with chart:
        widgets.chart(columns)
    _downloads(config, inputs, result)


def _downloads(config: Settings, inputs: np.ndarray, result: Result) -> None:
    """Show the downloads, the output to copy and the curl command."""
    outputs = result.response.values
    buttons = st.container(horizontal=True)
    widgets.download(
        buttons,
        "Download CSV",
        partial(export.to_csv, inputs, outputs),
        f"{config.model}.csv",
    )
    widgets.download(
        buttons,
        "Download JSON",
        partial(export.to_json, config.model, inputs, outputs, result.response.version),
        f"{config.model}.json",
    )
    if len(outputs) <= COPY_NUMBERS:
        st.caption("The output, to copy")
        height: int | Literal["content"] = 120 if len(outputs) > CODE_NUMBERS else "content"
        st.code(export.to_list(outputs).decode(), language=None, wrap_lines=True, height=height)
    else:
        st.caption(f"More than {COPY_NUMBERS:,} numbers are not for copying: download them.")
    st.caption("The same from a terminal")
    st.code(export.to_curl(inputs, result.version, config), language="bash", wrap_lines=True)
    if len(inputs) > export.CURL_NUMBERS:
        widgets.download(
            buttons,
            export.CURL_FILE,
            partial(export.to_list, inputs),
            export.CURL_FILE,
            help="The input as a JSON list: what the curl line sends",
        )
