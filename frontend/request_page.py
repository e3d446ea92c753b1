"""The page for other models: sends a V2 request and shows the response as tables and charts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import orjson
import streamlit as st

from frontend import display, export, memory, outcome, widgets
from frontend.client import Client, Output
from frontend.model import EXAMPLE_NUMBERS, Model, Words, example
from frontend.outcome import Failure, Result
from frontend.settings import Settings

# Further elements of a JSON value are only in the download.
SHOWN_ELEMENTS = 1_000
# The chart of a longer output is a line instead of bars.
BARS = 50


def draw_form(
    config: Settings, words: Words, model: Model | None, connect: Callable[[], Client]
) -> Result | Failure | None:
    """Draw the form; after a click, send the request and return the outcome, otherwise None."""
    assert model  # noqa: S101 (this page is for a model that the server describes)
    prefilled = example(model)
    if long := len(prefilled) > 8 * EXAMPLE_NUMBERS:
        widgets.download(
            st.container(),
            "Download an example",
            prefilled.encode,
            export.REQUEST_FILE,
        )
    placeholder = (
        '{"inputs": [{"name": …, "shape": […], "datatype": …, "data": […]}]}\n\n'
        f"Up to {display.mib(config.max_text_bytes)}"
    )
    field = widgets.Field(
        "Request",
        placeholder,
        "A request, as a JSON file",
        "" if long else prefilled,
        # Each version of the model has its own example.
        f"request-{model.name}-{model.version}",
    )
    submitted = widgets.form(config, words.button, field)
    if submitted is None:
        return None
    content = submitted.content
    request = content.encode() if isinstance(content, str) else content
    with st.spinner("The model is at work …", show_time=True), memory.turn(len(request)):
        return outcome.infer(request, connect, submitted.version)


def show(config: Settings, result: Result) -> None:
    """Show each output, and the downloads."""
    response = result.response
    widgets.figures({"Outputs": f"{len(response.outputs):,}"}, response.version, response.seconds)
    for output in response.outputs:
        st.markdown(f"**{display.plain(output.name)}**")
        shape = " \u00d7 ".join(map(str, output.shape)) or "one value"
        st.caption(f"{display.plain(output.datatype)}, {shape}")
        _show_output(output, config.max_numbers)
    buttons = st.container(horizontal=True)
    widgets.download(
        buttons,
        "Download JSON",
        partial(_response_json, result),
        f"{config.model}.json",
    )
    widgets.download(
        buttons,
        export.REQUEST_FILE,
        partial(bytes, result.request),
        export.REQUEST_FILE,
        help="The request: what the curl line sends",
    )
    st.caption("The same from a terminal")
    st.code(export.request_curl(result.version, config), language="bash", wrap_lines=True)


def _show_output(output: Output, max_numbers: int) -> None:
    values = output.values
    if isinstance(values, list):
        st.json(values[:SHOWN_ELEMENTS])
        if len(values) > SHOWN_ELEMENTS:
            st.caption(f"The first {SHOWN_ELEMENTS:,} of {len(values):,}. The download has all.")
        return
    if len(values) > max_numbers:
        st.caption(f"{len(values):,} numbers are too many for a table: download them.")
        return
    columns = display.columns_of(output.name, values, output.shape)
    table, chart = st.columns([3, 2])
    with table:
        widgets.table(columns)
    if len(values) > 1:
        with chart:
            widgets.chart(columns, bars=len(columns) == 1 and len(values) <= BARS)


def _response_json(result: Result) -> bytes:
    outputs = [
        {
            "name": output.name,
            "shape": output.shape,
            "datatype": output.datatype,
            "data": output.values,
        }
        for output in result.response.outputs
    ]
    found = {"model_version": result.response.version, "outputs": outputs}
    return orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY)
