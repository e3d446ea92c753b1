"""How a result is shown: a component for each kind of output, downloads, and the API."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import streamlit as st

from frontend import display, export, memory
from frontend.client import Output, Result
from frontend.settings import Settings

# A longer output can only be downloaded, not copied; a longer one than the second scrolls in a box.
COPY_NUMBERS, CODE_NUMBERS = 10_000, 20
# Further elements of a JSON value or letters of a text are only in the download.
SHOWN_ELEMENTS = 1_000
# The most bars that a reader can compare; the table has all scores.
BARS = 20
# Input and output; distinguishable on white and on black.
COLORS = ["#64748b", "#ea580c"]
TEXT_HELP = "Shown as text, to keep every digit. Sorting is alphabetical."


def show(config: Settings, result: Result) -> None:
    """Show the figures, the outputs, the downloads and how to repeat the request."""
    response, inputs = result.response, result.request.values
    label = "Outputs" if inputs is None else "Numbers"
    figures = {
        label: f"{len(response.outputs if inputs is None else inputs):,}",
        "Model version": response.version,
        "Time": display.duration(response.seconds),
    }
    for place, (name, value) in zip(st.columns(3), figures.items(), strict=True):
        place.metric(name, value, border=True)
    for note in result.request.notes:
        st.warning(display.plain(note), icon=":material/info:")
    content: dict[str, object] = {"model": config.model, "version": response.version}
    if inputs is not None:
        _show_numbers(config, inputs, response.values)
        content |= {"input": inputs, "output": response.values}
    else:
        for output in response.outputs:
            names = [t.names for t in result.model.outputs if t.name == output.name] if (
                result.model) else []  # fmt: skip
            _show_output(config, output, names[0] if names else (), len(response.outputs))
        kept = ("name", "shape", "datatype", "values")
        content["outputs"] = [
            {key: getattr(each, key) for key in kept} for each in response.outputs
        ]
    if not isinstance(response.outputs[0].values, bytes):
        download("Download JSON", partial(export.to_json, content), f"{config.model}.json")
    _show_api(config, result)


def _show_numbers(config: Settings, inputs: np.ndarray, outputs: np.ndarray) -> None:
    columns = {"Input": inputs, "Output": outputs}
    with memory.turn(inputs.nbytes):
        _side_by_side(columns, columns)
    if len(outputs) <= COPY_NUMBERS:
        st.caption("The output, to copy")
        height: int | Literal["content"] = 120 if len(outputs) > CODE_NUMBERS else "content"
        st.code(export.to_json(outputs).decode(), language=None, wrap_lines=True, height=height)
    else:
        st.caption(f"More than {COPY_NUMBERS:,} numbers are not for copying: download them.")
    download("Download CSV", partial(export.to_csv, inputs, outputs), f"{config.model}.csv")


def _show_output(config: Settings, output: Output, names: Sequence[str], count: int) -> None:
    if count > 1 or output.shape:
        shape = " \u00d7 ".join(map(str, output.shape))
        kind = display.plain(f"{output.datatype}{', ' if shape else ''}{shape}")
        st.markdown(f"**{display.plain(output.name)}** · {kind}")
    if isinstance(output.values, np.ndarray) and len(output.values) > config.max_numbers:
        st.caption(f"{len(output.values):,} numbers are too many for a table: download them.")
    else:
        next(show for fits, show in OUTPUTS if fits(output))(output, names)


def _file(output: Output, _: Sequence[str]) -> None:
    content: Any = output.values
    if output.datatype.startswith("image/"):
        st.image(content, f"{output.name}, {output.datatype}")
    elif output.datatype.startswith("text/"):
        _text(content.decode(errors="replace"))
    name = f"output{mimetypes.guess_extension(output.datatype) or '.bin'}"
    download(f"Download {name}", content, name)


def _text(text: Any) -> None:  # noqa: ANN401 (the values of an output)
    st.code(text[: 10 * SHOWN_ELEMENTS], language=None, wrap_lines=True)


def _is_scores(output: Output) -> bool:
    values = output.values
    if isinstance(values, dict):
        return len(values) > 1 and all(type(each) in (int, float) for each in values.values())
    many = isinstance(values, np.ndarray) and len(output.shape) > 1 and len(values) > 1
    return many and len(values) == output.shape[-1]


def _scores(output: Output, names: Sequence[str]) -> None:
    """Show one row of scores, the largest first."""
    found = output.values
    if isinstance(found, dict):
        names, found = list(found), np.array(list(found.values()))
    if len(set(names)) != len(found):
        names = [str(i) for i in range(len(found))]
    order = np.argsort(-found.astype(float), kind="stable")
    labels, scores = [names[i] for i in order], found[order]
    left, right = st.columns([3, 2])
    with left:
        table({"Label": labels, output.name: scores})
    data = pa.table({"label": labels[:BARS], "score": scores[:BARS].astype(float)})
    right.bar_chart(
        data, x="label", y="score", x_label="", y_label="", horizontal=True, sort="-score",
        color=COLORS[-1], alt=f"Bars of the largest scores: {labels[0]} {scores[0]:g} first",
    )  # fmt: skip
    if len(labels) > BARS:
        right.caption(f"The {BARS} largest of {len(labels):,}. The table has all.")


def _rows(output: Output, names: Sequence[str]) -> None:
    columns = display.columns_of(output.name, output.values, output.shape, names)
    drawn = len(output.values) > 1 and len(output.shape) == 1
    _side_by_side(columns, columns if drawn else {})


def _json(output: Output, _: Sequence[str]) -> None:
    values = output.values
    st.json(values[:SHOWN_ELEMENTS] if isinstance(values, list) else values)
    if isinstance(values, list) and len(values) > SHOWN_ELEMENTS:
        st.caption(f"The first {SHOWN_ELEMENTS:,} of {len(values):,}. The download has all.")


# Kinds of output, and how each is shown, in the order in which they are tried.
OUTPUTS: list[tuple[Callable[[Output], bool], Callable[[Output, Sequence[str]], None]]] = [
    (lambda output: isinstance(output.values, bytes), _file),
    (lambda output: isinstance(output.values, str), lambda output, _: _text(output.values)),
    (_is_scores, _scores),
    (lambda output: isinstance(output.values, np.ndarray), _rows),
    (lambda _: True, _json),
]


def _side_by_side(columns: Mapping[str, np.ndarray], drawn: Mapping[str, np.ndarray]) -> None:
    left, right = st.columns([3, 2]) if drawn else (st.container(), None)
    with left:
        table(columns)
    if right:
        with right:
            _chart(drawn)


def table(columns: Mapping[str, np.ndarray | list[str]]) -> None:
    """Show columns of equal length side by side."""
    shown = display.table(columns)
    # JavaScript's own text: Streamlit's other formats round, or multiply and divide.
    config: dict[str, Any] = dict.fromkeys(columns, st.column_config.NumberColumn(format="%s"))
    for name, values in columns.items():
        if str(shown.schema.field(name).type).endswith("string"):
            exact = isinstance(values, np.ndarray)
            config[name] = st.column_config.TextColumn(
                alignment="right" if exact else "left", help=TEXT_HELP if exact else None
            )
    config["No."] = st.column_config.NumberColumn(format="%s", width=70, pinned=True)
    alt = f"Table of {' and '.join(columns)}, {len(shown):,} rows"
    st.dataframe(shown, hide_index=True, column_config=config, alt=alt)


def _chart(series: Mapping[str, np.ndarray]) -> None:
    """Draw numbers over their position."""
    drawn = display.chart_indices(list(series.values()))
    count = len(next(iter(series.values())))
    alt = f"Chart of {' and '.join(series)} by number, {count:,} values: the table has them"
    data = {"No.": drawn + 1, **{name: each[drawn].astype(float) for name, each in series.items()}}
    colors: Any = COLORS[-len(series) :] if len(series) <= len(COLORS) else None
    st.line_chart(pa.table(data), x="No.", y=list(series), color=colors, height=400, alt=alt)
    if len(drawn) < count:
        st.caption(
            f"The chart draws {len(drawn):,} of {count:,} numbers, the smallest and largest "
            "of each stretch: a screen shows no more. The table has all."
        )


def download(label: str, content: Callable[[], bytes] | bytes, name: str) -> None:
    """Show a download button; the file is created on a click."""
    kind, icon = mimetypes.guess_type(name)[0], ":material/download:"
    st.download_button(label, content, name, kind, on_click="ignore", icon=icon)


def _show_api(config: Settings, result: Result) -> None:
    """Show the same request as curl command, Python program and link."""
    request, version = result.request, result.version
    with st.expander("API: the same from a terminal, a program, a link", icon=":material/code:"):
        st.code(export.to_curl(request, version, config), language="bash", wrap_lines=True)
        if file := export.file_of(request):
            download(file, partial(export.body_of, request), file)
        st.code(export.to_python(request, version, config), language="python", wrap_lines=True)
        if link := export.to_link(request, version, st.context.url or ""):
            st.caption("A link to this page with this input and version")
            st.code(link, language=None, wrap_lines=True)
        else:
            st.caption("The input is too long for a link.")
        protocol = "https://kserve.github.io/website/docs/concepts/architecture/data-plane"
        st.markdown(
            f"[The model's metadata]({config.url}/v2/models/{config.model}) · "
            f"[V1]({protocol}/v1-protocol) and [V2]({protocol}/v2-protocol) of the protocol"
        )
