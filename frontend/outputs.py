"""How a result is shown: a component for each kind of output, downloads, and the API."""

import mimetypes
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import streamlit as st

from frontend import display, export, memory
from frontend.client import Output, Response
from frontend.model import Model
from frontend.settings import Settings

# A longer output can only be downloaded, not copied; a longer one than the second scrolls in a box.
COPY_NUMBERS, CODE_NUMBERS = 10_000, 20
# Further elements of a JSON value or letters of a text are only in the download.
SHOWN_ELEMENTS = 1_000
# A shorter line has a dot for each number.
CHART_DOTS = 50
# The most bars that a reader can compare; the table has all scores.
BARS = 20
# Input and output; distinguishable on white and on black.
COLORS = ["#64748b", "#ea580c"]
# A chart has a text for screen readers as a whole, so its parts have none.
UNNAMED = {"aria": False}
TEXT_HELP = "Shown as text, to keep every digit. Sorting is alphabetical."


def show(config: Settings, response: Response, model: Model | None) -> None:
    """Show the figures, the outputs, the downloads and how to repeat the request."""
    inputs = response.request.values
    first, second, third = st.columns(3)
    counted: Sequence[Any] | np.ndarray = response.outputs if inputs is None else inputs
    first.metric("Outputs" if inputs is None else "Numbers", f"{len(counted):,}", border=True)
    second.metric("Model version", response.version, border=True)
    third.metric("Time", display.duration(response.seconds), border=True)
    for note in response.request.notes:
        st.warning(display.plain(note), icon=":material/info:")
    content: dict[str, object] = {"model": config.model, "version": response.version}
    if inputs is not None:
        _show_numbers(config, inputs, response.values)
        content |= {"input": inputs, "output": response.values}
    else:
        known = model.outputs if model and model.version == response.version else ()
        names = {tensor.name: tensor.names for tensor in known}
        for output in response.outputs:
            _show_output(config, output, names.get(output.name, ()), len(response.outputs))
        content["outputs"] = [
            {"name": each.name, "shape": each.shape, "datatype": each.datatype, "data": each.values}
            for each in response.outputs
        ]
    if not isinstance(response.outputs[0].values, bytes):
        download("Download JSON", partial(export.to_json, content), f"{config.model}.json")
    _show_api(config, response)


def _show_numbers(config: Settings, inputs: np.ndarray, outputs: np.ndarray) -> None:
    columns = {"Input": inputs, "Output": outputs}
    with memory.turn(inputs.nbytes):
        _side_by_side(columns)
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


def _text(output: Output, _: Sequence[str]) -> None:
    content: Any = output.values
    text = content if isinstance(content, str) else content.decode(errors="replace")
    st.code(text[: 10 * SHOWN_ELEMENTS], language=None, wrap_lines=True)


def _file(output: Output, names: Sequence[str]) -> None:
    content: Any = output.values
    if output.datatype.startswith("image/"):
        st.image(content, alt=f"{output.name}, {output.datatype}")
    elif output.datatype.startswith("text/"):
        _text(output, names)
    name = f"output{mimetypes.guess_extension(output.datatype) or '.bin'}"
    download(f"Download {name}", content, name)


def _is_scores(output: Output) -> bool:
    values = output.values
    if isinstance(values, dict):
        return len(values) > 1 and all(type(value) in (int, float) for value in values.values())
    many = isinstance(values, np.ndarray) and len(output.shape) > 1 and len(values) > 1
    return many and len(values) == output.shape[-1]


def _scores(output: Output, names: Sequence[str]) -> None:
    found = output.values
    if isinstance(found, dict):
        names, found = list(found), np.array(list(found.values()))
    if len(set(names)) != len(found):
        names = [str(i) for i in range(len(found))]
    _bars(names, found, output.name)


def _bars(names: Sequence[str], found: np.ndarray, title: str) -> None:
    """Show scores, the largest first."""
    order = np.argsort(-found.astype(float), kind="stable")
    labels, scores = [names[i] for i in order], found[order]
    left, right = st.columns([3, 2])
    with left:
        table({"Label": labels, title: scores})
    data = pa.table({"label": labels[:BARS], "score": scores[:BARS].astype(float)})
    label = {"field": "label", "type": "nominal", "sort": None, "title": None}
    score = {"field": "score", "type": "quantitative", "title": None}
    spec = {
        "mark": {"type": "bar", "color": COLORS[-1], **UNNAMED},
        "encoding": {"y": {**label, "axis": {"labelLimit": 160}}, "x": score},
    }
    alt = f"Bars of the largest scores: {labels[0]} {scores[0]:g} first"
    right.vega_lite_chart(data, spec, alt=alt)
    if len(labels) > BARS:
        right.caption(f"The {BARS} largest of {len(labels):,}. The table has all.")


def _rows(output: Output, names: Sequence[str]) -> None:
    columns = display.columns_of(output.name, output.values, output.shape, names)
    _side_by_side(columns, drawn=len(output.values) > 1 and len(output.shape) == 1)


def _is_records(output: Output) -> bool:
    rows = output.values
    return isinstance(rows, list) and bool(rows and rows[0]) and all(
        isinstance(row, dict) and row.keys() == rows[0].keys()
        and not any(isinstance(cell, dict | list) for cell in row.values())
        for row in rows
    )  # fmt: skip


def _records(output: Output, _: Sequence[str]) -> None:
    """Show a list of flat objects with the same keys: labels with their scores, or a table."""
    columns: dict[str, np.ndarray | list[str]] = {}
    for name in output.values[0]:
        cells = [row[name] for row in output.values]
        numbers = np.array(cells)
        columns[name] = numbers if numbers.dtype.kind in "iuf" else list(map(str, cells))
    labels, *scores = columns.values()
    if isinstance(labels, list) and len(scores) == 1 and isinstance(scores[0], np.ndarray):
        _bars(labels, scores[0], list(columns)[1])
    else:
        table(columns)


def _json(output: Output, _: Sequence[str]) -> None:
    values = output.values
    st.json(values[:SHOWN_ELEMENTS] if isinstance(values, list) else values)
    if isinstance(values, list) and len(values) > SHOWN_ELEMENTS:
        st.caption(f"The first {SHOWN_ELEMENTS:,} of {len(values):,}. The download has all.")


# Kinds of output, and how each is shown, in the order in which they are tried.
OUTPUTS: list[tuple[Callable[[Output], bool], Callable[[Output, Sequence[str]], None]]] = [
    (lambda output: isinstance(output.values, bytes), _file),
    (lambda output: isinstance(output.values, str), _text),
    (_is_scores, _scores),
    (lambda output: isinstance(output.values, np.ndarray), _rows),
    (_is_records, _records),
    (lambda _: True, _json),
]


def _side_by_side(columns: Mapping[str, np.ndarray], *, drawn: bool = True) -> None:
    left, right = st.columns([3, 2]) if drawn else (st.container(), st.container())
    with left:
        table(columns)
    with right:
        if drawn:
            _chart(columns)


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
    names, few = list(series), len(series) <= len(COLORS)
    data = pa.table({
        "position": np.tile(drawn + 1, len(names)),
        "series": np.repeat(names, len(drawn)),
        "value": np.concatenate([numbers[drawn].astype(float) for numbers in series.values()]),
    })  # fmt: skip
    color = {"field": "series", "type": "nominal", "title": None, "legend": {"orient": "top"}}
    x = {"field": "position", "type": "quantitative", "title": "No."}
    y = {"field": "value", "type": "quantitative", "title": None, "axis": {"format": "~g"}}
    axis = {"axis": {"tickMinStep": 1, "format": ",d"}, "scale": {"zero": False, "nice": False}}
    scale = {"domain": names, "range": COLORS[-len(names) :]} if few else {"domain": names}
    spec = {
        "mark": {"type": "line", "point": len(drawn) <= CHART_DOTS and UNNAMED, **UNNAMED},
        "encoding": {"x": {**x, **axis}, "y": y, "color": {**color, "scale": scale}},
    }
    st.vega_lite_chart(data, spec, height=400, alt=alt)
    if len(drawn) < count:
        what = f"The chart draws {len(drawn):,} of {count:,} numbers, the smallest and largest"
        st.caption(f"{what} of each stretch: a screen shows no more. The table has all.")


def download(label: str, content: Callable[[], bytes] | bytes, name: str) -> None:
    """Show a download button; the file is created on a click."""
    kind, icon = mimetypes.guess_type(name)[0], ":material/download:"
    st.download_button(label, content, name, kind, on_click="ignore", icon=icon)


def _show_api(config: Settings, response: Response) -> None:
    """Show the same request as curl command, Python program and link."""
    request, version = response.request, response.asked
    with st.expander("API: the same from a terminal, a program, a link", icon=":material/code:"):
        st.code(export.to_curl(request, version, config), language=None, wrap_lines=True)
        if file := export.file_of(request):
            download(file, partial(export.body_of, request), file)
        st.code(export.to_python(request, version, config), language=None, wrap_lines=True)
        st.caption("A link to this page with this input and version")
        link = export.to_link(request, version, st.context.url or "")
        st.code(link or "The input is too long for a link.", language=None, wrap_lines=True)
        docs, described = f"{config.url}/docs", f"{config.url}/v2/models/{config.model}"
        st.markdown(f"[Documentation of the API]({docs}) · [Metadata]({described})")
