"""Elements of both pages: the form, figures, tables, charts and downloads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from frontend import display
from frontend.settings import Settings

PASTE, UPLOAD = "Type or paste", "Upload a file"
TEXT_HELP = "Shown as text, to keep every digit. Sorting is alphabetical."


@dataclass(frozen=True)
class Submitted:
    """The submitted form.

    Attributes:
        content: the text of the field, or the bytes of the file.
        name: the file's name; empty for a text.
        version: the model's version; None is the default.
    """

    content: str | bytes
    name: str
    version: str | None


@dataclass(frozen=True)
class Field:
    """The form's input, as a text or as a file."""

    label: str
    placeholder: str
    file_label: str
    prefilled: str = ""
    key: str = "text"


def form(config: Settings, button: str, field: Field) -> Submitted | None:
    """Draw the form; return its content after a click on its button, otherwise None."""
    source = st.radio("Input", [PASTE, UPLOAD], horizontal=True, label_visibility="collapsed")
    # Both are always drawn, and one is hidden: the browser would forget a text that was not sent.
    st.html(f"<style>.st-key-{'upload' if source == PASTE else 'paste'} {{display: none}}</style>")
    with st.form("question"):
        with st.container(key="paste"):
            text = st.text_area(
                field.label,
                field.prefilled,
                key=field.key,
                height=220,
                max_chars=config.max_text_bytes,
                placeholder=field.placeholder,
            )
            # The browser ignores a longer paste without a word.
            st.caption(f"A longer text than {display.mib(config.max_text_bytes)} is not pasted.")
        with st.container(key="upload"):
            file = st.file_uploader(
                field.file_label,
                key="file",
                max_upload_size=config.max_file_mib,
                help=f"Up to {config.max_numbers:,} numbers, {config.max_file_mib} MiB",
            )
        version = st.text_input(
            "Model version",
            key="version",
            placeholder="the server's default",
            help="Leave it empty for the default version, or name one, such as 1.0",
            max_chars=100,
        )
        clicked = st.form_submit_button(button, type="primary", width="stretch")
    if not clicked:
        return None
    _forget_files(but=file.file_id if file else "")
    if source == PASTE:
        return Submitted(text, "", version.strip() or None)
    content, name = (file.getvalue(), file.name) if file else (b"", "")
    return Submitted(content, name, version.strip() or None)


def _forget_files(but: str) -> None:
    """Remove all of the session's uploads but one; Streamlit would keep them in memory."""
    context = get_script_run_ctx()
    if context is None:
        return
    files: Any = context.uploaded_file_mgr
    for file_id in set(files.file_storage.get(context.session_id, ())) - {but}:
        files.remove_file(context.session_id, file_id)


def figures(first: Mapping[str, str], version: str, seconds: float) -> None:
    """Show figures of a result side by side."""
    found = {**first, "Model version": version, "Time": display.duration(seconds)}
    for place, (label, value) in zip(st.columns(len(found)), found.items(), strict=True):
        place.metric(label, value, border=True)


def table(columns: Mapping[str, np.ndarray]) -> None:
    """Show columns of equal length side by side."""
    shown = display.table(columns)
    config = {
        name: st.column_config.TextColumn(alignment="right", help=TEXT_HELP)
        if str(shown.schema.field(name).type).endswith("string")
        # JavaScript's own text: Streamlit's other formats round, or multiply and divide.
        else st.column_config.NumberColumn(format="%s")
        for name in columns
    }
    number = st.column_config.NumberColumn(format="%s", width=70, pinned=True)
    st.dataframe(shown, hide_index=True, column_config={"No.": number, **config})


def chart(series: Mapping[str, np.ndarray], *, bars: bool = False) -> None:
    """Draw numbers over their position."""
    drawn = display.chart_indices(list(series.values()))
    count = len(next(iter(series.values())))
    alt = f"Chart of {' and '.join(series)} by number, {count:,} values: the table has them"
    st.vega_lite_chart(display.chart(series, drawn, bars=bars), height=400, alt=alt)
    if len(drawn) < count:
        st.caption(
            f"The chart draws {len(drawn):,} of {count:,} numbers, the smallest and largest "
            "of each stretch: a screen shows no more. The table has all."
        )


def download(
    place: DeltaGenerator,
    label: str,
    content: Callable[[], bytes],
    name: str,
    help: str | None = None,  # noqa: A002 (Streamlit's name for it)
) -> None:
    """Show a download button; the file is created on a click."""
    place.download_button(
        label,
        content,
        name,
        "text/csv" if name.endswith(".csv") else "application/json",
        on_click="ignore",
        icon=":material/download:",
        help=help,
    )
