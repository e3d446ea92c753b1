"""The page. Started by `python -m frontend`; what it shows comes from the modules beside it."""

from __future__ import annotations

import os
from functools import partial
from typing import Literal

import streamlit as st

from frontend import display, export, outcome, parsing, settings
from frontend.client import Client
from frontend.errors import State
from frontend.outcome import Failure, Result
from frontend.settings import Settings, SettingsError

PASTE, UPLOAD = "Type or paste", "Upload a file"
Badge = tuple[str, Literal["green", "orange", "red"]]
BADGES: dict[State, Badge] = {
    State.READY: (":material/check_circle:", "green"),
    State.LOADING: (":material/hourglass_top:", "orange"),
    State.BUSY: (":material/hourglass_top:", "orange"),
}
OTHER_BADGE: Badge = (":material/error:", "red")
# More than this is quicker to download than to copy.
COPY_NUMBERS = 10_000
# More than this scroll in a box.
CODE_NUMBERS = 20

_client = st.cache_resource(show_spinner=False)(Client)


def main() -> None:
    """Draw the page."""
    st.set_page_config("DoubleIt", layout="wide")
    st.title("DoubleIt", anchor=False)
    st.markdown("Numbers in, twice the numbers out, from a TorchScript model behind TorchServe.")
    try:
        config = settings.read(os.environ)
    except SettingsError as error:
        st.error(f"**The page is not set up**\n\n{display.plain(str(error))}")
        return
    state = st.container()
    question, answer = st.columns([2, 3], gap="large")
    with question:
        version = ask(config)
    with answer:
        show(config)
    # Last, so that the page does not wait for a server that is slow to answer.
    with state:
        st.fragment(show_state, run_every=config.poll or None)(config, version)


def ask(config: Settings) -> str | None:
    """Take numbers and a version; keep what becomes of them in the session; return the version."""
    source = st.radio("Input", [PASTE, UPLOAD], horizontal=True, label_visibility="collapsed")
    with st.form("question"):
        if source == PASTE:
            text = st.text_area(
                "Numbers",
                key="text",
                height=220,
                placeholder="1, 2, 3.5\n\nSeparated by commas, spaces or new lines, "
                "or a JSON list like [1, 2, 3.5]",
                persist_state="session",
            )
            read = partial(parsing.parse, text)
        else:
            file = st.file_uploader("A file of numbers", type=parsing.FILE_TYPES, key="file")
            content = file.getvalue() if file else b""
            read = partial(parsing.parse_file, file.name if file else "", content)
        named = st.text_input(
            "Model version",
            key="version",
            placeholder="the server's default",
            help="Leave it empty for the default version, or name one, such as 1.0",
        )
        submitted = st.form_submit_button("Double", type="primary", width="stretch")
    version = named.strip() or None
    if submitted:
        with st.spinner("The model is at work …", show_time=True):
            st.session_state.outcome = outcome.predict(read, partial(_client, config), version)
    return version


def show(config: Settings) -> None:
    """Show the result of the last click, or what was in its way."""
    found = st.session_state.get("outcome")
    if found is None:
        st.info("The result appears here.", icon=":material/arrow_back:")
    elif isinstance(found, Failure):
        sentences = "\n".join(f"- {display.plain(sentence)}" for sentence in found.sentences)
        st.error(f"**{found.title}**\n\n{sentences}", icon=":material/error:")
    else:
        show_result(config, found)


def show_result(config: Settings, result: Result) -> None:
    """Show figures, table and chart, and what a person may take away."""
    inputs, outputs = result.numbers.values, result.answer.values
    figures = st.columns(3)
    figures[0].metric("Numbers", f"{len(outputs):,}", border=True)
    figures[1].metric("Model version", result.answer.version, border=True)
    figures[2].metric("Time", display.duration(result.answer.seconds), border=True)
    for note in result.numbers.notes:
        st.warning(display.plain(note), icon=":material/info:")
    table, chart = st.columns([3, 2])
    with table:
        show_table(inputs, outputs)
    with chart:
        show_chart(inputs, outputs)
    show_downloads(config, result)


def show_table(inputs: list[int] | list[float], outputs: list[int] | list[float]) -> None:
    """Show input and output side by side."""
    columns = {"Input": display.column(inputs), "Output": display.column(outputs)}
    config = {
        name: st.column_config.TextColumn(alignment="right")
        if values and isinstance(values[0], str)
        else st.column_config.NumberColumn(format="plain")
        for name, values in columns.items()
    }
    position = list(range(1, len(outputs) + 1))
    st.dataframe(
        {"No.": position, **columns},
        hide_index=True,
        column_config={"No.": st.column_config.NumberColumn(width=70, pinned=True), **config},
    )


def show_chart(inputs: list[int] | list[float], outputs: list[int] | list[float]) -> None:
    """Draw input and output over their position."""
    drawn = display.chart_indices(inputs, outputs)
    st.vega_lite_chart(display.chart(inputs, outputs, drawn), height=400)
    if len(drawn) < len(inputs):
        st.caption(
            f"The chart draws {len(drawn):,} of {len(inputs):,} numbers, the smallest and largest "
            "of each stretch: a screen shows no more. The table has all."
        )


def show_downloads(config: Settings, result: Result) -> None:
    """Offer the result as files and to copy, and the curl line for the same."""
    inputs, outputs = result.numbers.values, result.answer.values
    csv, json, curl_file = st.columns(3)
    csv.download_button(
        "Download CSV",
        partial(export.to_csv, inputs, outputs),
        "doubleit.csv",
        "text/csv",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
    )
    json.download_button(
        "Download JSON",
        partial(export.to_json, inputs, outputs, result.answer.version),
        "doubleit.json",
        "application/json",
        on_click="ignore",
        icon=":material/download:",
        width="stretch",
    )
    if len(outputs) <= COPY_NUMBERS:
        st.caption("The output, to copy")
        height: int | Literal["content"] = 120 if len(outputs) > CODE_NUMBERS else "content"
        st.code(export.to_list(outputs), language=None, wrap_lines=True, height=height)
    else:
        st.caption(f"More than {COPY_NUMBERS:,} numbers are not for copying: download them.")
    st.caption("The same from a terminal")
    st.code(export.to_curl(inputs, result.version, config), language="bash", wrap_lines=True)
    if len(inputs) > export.CURL_NUMBERS:
        curl_file.download_button(
            export.CURL_FILE,
            partial(export.to_list, inputs),
            export.CURL_FILE,
            "application/json",
            on_click="ignore",
            icon=":material/download:",
            width="stretch",
            help="The input as a JSON list: what the curl line sends",
        )


def show_state(config: Settings, version: str | None) -> None:
    """Show whether the server can answer; looks again by itself."""
    status = outcome.look(partial(_client, config), version)
    icon, color = BADGES.get(status.state, OTHER_BADGE)
    label = status.state.value
    if status.state is State.READY:
        label += f" · {display.plain(status.detail)}"
    st.badge(label, icon=icon, color=color)
    if status.state is not State.READY:
        st.caption(display.plain(status.detail))


if __name__ == "__main__":
    main()
