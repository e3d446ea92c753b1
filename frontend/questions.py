"""The questions about a table or about commas, with a preview, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from frontend import display, outputs, reading
from frontend.reading import Marks, NotNumbersError, Numbers, Table

PREVIEW_ROWS = 5


def ask(
    content: str | bytes, name: str, max_numbers: int, columns: Sequence[str] | None, button: str
) -> Numbers | None:
    """Draw the questions; return the numbers after a click on their button.

    `columns` names the columns that are needed; None if any number of them will do.
    """
    with st.container(border=True, key="questions"):
        st.markdown("**What should be sent?** Nothing was sent yet.")
        marks = st.selectbox(
            "Commas and points", list(Marks), index=None, format_func=lambda each: each.value,
            placeholder="as the numbers show", key="marks",
        )  # fmt: skip
        try:
            found = reading.read(content, name, max_numbers, marks)
            if isinstance(found, Table):
                chosen = _columns(found, columns)
                if columns and len(chosen) != len(columns):
                    st.warning(f"Choose {len(columns)} columns: {', '.join(columns)}")
                    return None
                source = found.source(chosen, whole=bool(columns))
                names = [found.names[i] for i in chosen]
            else:
                source, names = found, []
            numbers = reading.to_numbers(source, marks)
        except NotNumbersError as error:
            st.warning("\n".join(f"- {display.plain(each)}" for each in error.sentences))
            return None
        _preview(numbers.values, names)
        for note in numbers.notes:
            st.caption(display.plain(note))
        count = f"{len(numbers.values) // len(columns):,} rows" if columns else (
            f"{len(numbers.values):,} numbers")  # fmt: skip
        return numbers if st.button(f"{button} these {count}", type="primary") else None


def _columns(table: Table, needed: Sequence[str] | None) -> list[int]:
    names = [name.lower() for name in table.names]
    by_name = [names.index(each.lower()) for each in needed or () if each.lower() in names]
    usual = by_name if needed and len(by_name) == len(needed) else table.usual
    return st.multiselect(
        "Columns, in the order in which they are read", range(len(table.names)), usual,
        format_func=lambda i: table.names[i], max_selections=len(needed) if needed else None,
        key=f"columns-{table.names}",
    )  # fmt: skip


def _preview(values: np.ndarray, names: Sequence[str]) -> None:
    """Show the first numbers; in columns if they fill them."""
    width = len(names) if names and len(values) % len(names) == 0 else 1
    shown = values[: PREVIEW_ROWS * width].reshape(-1, width)
    titles = names if len(set(names)) == width else [f"Column {i + 1}" for i in range(width)]
    outputs.table(dict(zip(titles, shown.T, strict=True)))
    if len(shown) * width < len(values):
        st.caption(f"The first {len(shown) * width:,} of {len(values):,} numbers")
