"""The page's form: the ways to give an input, and the request that follows from each.

Where a table or commas can be read in several ways, it asks, with a preview, before it sends.
"""

import mimetypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import NamedTuple

import numpy as np
import orjson
import streamlit as st

from frontend import display, memory, model, outputs, reading
from frontend.components import Component, column_names, component_of, table
from frontend.model import JSON, Model, Request, Tensor
from frontend.reading import Marks, NotNumbersError, Numbers, Table
from frontend.settings import DEFAULT_MODEL, Settings

# A longer example is a download instead of text in the field.
EXAMPLE_BYTES = 16_000
PREVIEW_ROWS, PREVIEW_BYTES = 5, 500
# The page learns of an uploaded file only once it is complete.
NO_FILE = "Choose one, or wait until it has been uploaded, and click again"
# Makes the request after a click on the form's button, or returns None if there is a question; and
# draws the questions, and makes the request once they are answered.
Draft = tuple[Callable[[], Request | None], Callable[[], Request | None] | None]


@dataclass(frozen=True)
class Form:
    """What the form depends on; `button` is the label of its button."""

    config: Settings
    button: str
    model: Model | None

    @property
    def takes_numbers(self) -> bool:
        """Whether the input is a list of numbers."""
        return self.model.takes_numbers if self.model else self.config.model == DEFAULT_MODEL

    @property
    def fields(self) -> list[tuple[Tensor, Component]]:
        """The inputs that can be filled in; none if a required one cannot."""
        inputs = self.model.inputs if self.model and not self.takes_numbers else ()
        found = [(each, component_of(each)) for each in inputs]
        whole = all(component or each.optional for each, component in found)
        return [(each, component) for each, component in found if component and whole]

    @property
    def rows(self) -> Tensor | None:
        """The input whose rows a file can hold: the only one, a table."""
        tables = [tensor for tensor, component in self.fields if component is table]
        return tables[0] if len(tables) == len(self.fields) == 1 else None

    @property
    def types(self) -> tuple[str, ...]:
        """The content types that the model's own code reads; all if nothing is known of it."""
        return self.model.accepts if self.model else () if self.takes_numbers else ("*/*",)

    def accepts(self, content_type: str) -> bool:
        """Return whether the model's own code reads a content type, such as image/jpeg."""
        return any(fnmatch(content_type, each) for each in self.types)


def _area(form: Form, label: str, key: str, value: str, placeholder: str) -> str:
    limit = form.config.max_text_bytes
    text = st.text_area(label, value, key=key, height=220, max_chars=limit, placeholder=placeholder)
    # The browser ignores a longer paste without a word.
    st.caption(f"A longer text than {display.mib(limit)} is not pasted.")
    return text


def _pasted(form: Form) -> Draft:
    placeholder = (
        "1, 2, 3.5\n\nSeparated by commas, spaces or new lines, or a JSON list like [1, 2, 3.5], "
        f"or cells from a spreadsheet. Up to {form.config.max_numbers:,} numbers, "
        f"{display.mib(form.config.max_text_bytes)}"
    )
    return _numbers(form, _area(form, "Numbers", "text", "", placeholder), "")


def _numbers(form: Form, content: str | bytes, name: str, rows: Tensor | None = None) -> Draft:
    """Return the draft of a list of numbers, or of the rows of a table."""
    limit, names = form.config.max_numbers, column_names(rows) if rows else None

    def request(found: Numbers) -> Request:
        if rows is None:
            return model.numbers(found.values, form.model, found.notes)
        return model.v2([(rows, found.values.reshape(-1, len(names or ())))], found.notes)

    def make() -> Request | None:
        try:
            found = reading.read(content, name, limit)
            if rows or (isinstance(found, Table) and found.asks):
                return None
            source = found.source() if isinstance(found, Table) else found
            return request(reading.to_numbers(source))
        except NotNumbersError as error:
            if error.ambiguous:
                return None
            raise

    def ask() -> Request | None:
        found = _ask(content, name, form, names)
        return request(found) if found else None

    return make, ask


def _ask(
    content: str | bytes, name: str, form: Form, columns: Sequence[str] | None
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
            found = reading.read(content, name, form.config.max_numbers, marks)
            if isinstance(found, Table):
                chosen = _columns(found, columns)
                source = found.source(chosen, whole=bool(columns))
                names = [found.names[i] for i in chosen]
            else:
                source, names = found, []
            numbers = reading.to_numbers(source, marks)
        except NotNumbersError as error:
            st.warning("\n".join(f"- {display.plain(sentence)}" for sentence in error.sentences))
            return None
        needed = len(columns or ())
        if columns and (len(names or columns) != needed or len(numbers.values) % needed):
            st.warning(f"Choose {needed} columns: {', '.join(columns)}")
            return None
        _preview(numbers.values, names)
        for note in numbers.notes:
            st.caption(display.plain(note))
        count = len(numbers.values) // (needed or 1)
        label = f"{form.button} these {count:,} {'rows' if columns else 'numbers'}"
        return numbers if st.button(label, type="primary") else None


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


def _file(form: Form) -> Draft:
    kind = "numbers" if form.takes_numbers else "rows, as CSV" if form.rows else "a JSON request"
    kind = ", ".join(form.types).replace("*/*", "of any type") or kind
    numbers, size = form.config.max_numbers, form.config.max_file_mib
    # Of other files than pictures, the page itself says why it does not take them.
    known = form.types if all(each.startswith("image/") for each in form.types) else ()
    more = f"Up to {numbers:,} numbers, {size} MiB"
    file = st.file_uploader(
        f"A file: {kind}", known or None, key="file", max_upload_size=size, help=more
    )
    if file is None:
        return _raw(st.session_state.sample if form.types else None)
    content, name = file.getvalue(), file.name
    guessed = mimetypes.guess_type(name)[0] or file.type or "application/octet-stream"
    if not form.accepts(guessed):
        unfit = form.types and f"{name} is {guessed}, but the model takes {kind}"
        if sentence := reading.kind_of(content) or unfit:
            st.warning(display.plain(sentence))
            return _raw(None, sentence)
    if form.takes_numbers:
        return _numbers(form, content, name)
    if form.types:
        return _raw(Request(content, guessed))
    if form.rows and guessed != JSON:
        return _numbers(form, content, name, form.rows)
    return lambda: _checked(content), None


def _clipboard(_: Form) -> Draft:
    state = st.session_state

    def keep() -> None:
        for picture in state.clipboard.files:
            state.sample = Request(picture.getvalue(), picture.type)

    st.chat_input("Paste a picture (Ctrl+V), then press Enter", key="clipboard", accept_file=True,
                  file_type="image/*", on_submit=keep)  # fmt: skip
    return _raw(state.sample)


def _camera(_: Form) -> Draft:
    picture = st.camera_input("A picture", key="camera", label_visibility="collapsed")
    return _raw(Request(picture.getvalue(), picture.type) if picture else None)


def _raw(request: Request | None, problem: str = NO_FILE) -> Draft:
    """Show a file that is sent as it is; without one, the problem is told after a click."""

    def make() -> Request:
        if request is None:
            raise NotNumbersError([problem], title="There is no file to send")
        return request

    if request and request.content_type.startswith("image/"):
        st.image(request.body, width=300, alt="The picture that is sent")
    elif request:
        if request.content_type.startswith("text/"):
            st.code(request.body[:PREVIEW_BYTES].decode(errors="replace"), language=None)
        st.caption(f"The file that is sent: {request.content_type}, {len(request.body):,} bytes")
    return make, None


def _text(form: Form) -> Draft:
    text = _area(form, "Text", "plain", "", "A text, which is sent as it is")
    return lambda: Request(text.encode(), "text/plain"), None


def _fields(form: Form) -> Draft:
    state, drawn = st.session_state, []
    for tensor, component in form.fields:
        first = state.filled.get(tensor.name)
        if first is None and not tensor.optional:
            first = model.example_of(tensor)
        # A version with the same inputs keeps what was entered.
        key = f"{tensor.name}-{tensor.datatypes[0]}-{tensor.shape}-{tensor.names}-{state.fills}"
        drawn.append((tensor, component(tensor, first, key)))

    def make() -> Request:
        entered = [(tensor, found) for tensor, get in drawn if (found := get())]
        notes = tuple(note for _, found in entered for note in found.notes)
        return model.v2([(tensor, found.values) for tensor, found in entered], notes)

    return make, None


def _json(form: Form) -> Draft:
    text = st.session_state.json
    if not text and form.model and not form.model.sample:
        text = model.example(form.model).body.decode()
    # Each version of the model has its own example.
    version = (form.model.name, form.model.version) if form.model else ""
    placeholder = '{"inputs": […]}, {"instances": […]}, or the value of the only required input'
    text = "" if len(text) > EXAMPLE_BYTES else text
    typed = _area(form, "Request", f"json-{version}-{st.session_state.fills}", text, placeholder)
    return lambda: _checked(typed.encode()), None


def _checked(content: bytes) -> Request:
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError as error:
        place = f"Line {error.lineno}, column {error.colno}: {error.msg}"
        raise NotNumbersError([place], title="This is not JSON; nothing was sent") from None
    return Request(content)


class Way(NamedTuple):
    """A way to give the input; a deferred one only counts after a click on the form's button."""

    fits: Callable[[Form], bool]
    draw: Callable[[Form], Draft]
    deferred: bool = True


PASTE, FIELDS, UPLOAD, ADVANCED = "Type or paste", "Fill in", "Upload a file", "Advanced: JSON"
WAYS = {
    PASTE: Way(lambda form: form.takes_numbers, _pasted),
    FIELDS: Way(lambda form: bool(form.fields), _fields),
    UPLOAD: Way(lambda _: True, _file, deferred=False),
    "Paste": Way(lambda form: form.accepts("image/png"), _clipboard, deferred=False),
    "Camera": Way(lambda form: form.accepts("image/jpeg"), _camera, deferred=False),
    "Text": Way(lambda form: form.accepts("text/plain"), _text),
    ADVANCED: Way(lambda _: True, _json),
}


def fill(form: Form, request: Request) -> None:
    """Put a request into the form: into the components that can show it, or else as JSON."""
    state = st.session_state
    state.fills, state.filled, state.json, state.sample = state.get("fills", 0) + 1, {}, "", None
    state.asking = ""
    if request.content_type != JSON:
        state.sample, state.way = request, UPLOAD
    elif request.body:
        state.json = request.body.decode(errors="replace")
        values = model.values_of(request, form.model) if form.model else {}
        if form.takes_numbers and state.json.lstrip()[:1] != "{":
            state.text, state.way = state.json, PASTE
        elif values and all(_can_show(form, *value) for value in values.items()):
            state.filled, state.way = values, FIELDS
        else:
            state.way = ADVANCED


def _can_show(form: Form, name: str, values: np.ndarray) -> bool:
    """Return whether the form's components show the values of an input exactly."""
    shape = next((tensor.shape for tensor, _ in form.fields if tensor.name == name), None)
    return (
        shape is not None
        and len(shape) == values.ndim
        and all(size in (-1, n) for size, n in zip(shape, values.shape, strict=True))
        and values.dtype.kind in "bif"
        and np.abs(values.astype(float)).max(initial=0) <= display.EXACT_IN_BROWSER
    )


def draw(form: Form) -> Request | None:
    """Draw the form; after a click, return the request or raise NotNumbersError."""
    state = st.session_state
    ways = {label: way for label, way in WAYS.items() if way.fits(form)}
    if state.get("way") not in ways:
        state.way = next(iter(ways))
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = st.radio("Input", ways, key="way", horizontal=True, label_visibility="collapsed")
        if form.model:
            _draw_example(form, model.example(form.model))
    # All are drawn, and the others hidden: the browser would forget a text that was not sent. Only
    # the camera is not, because it asks for permission, nor the field for pasting, which is empty.
    names = {label: f"way-{i}" for i, label in enumerate(ways)}
    # The element around each, too: it would leave a gap.
    hidden = ", ".join(f"div:has(> .st-key-{n})" for label, n in names.items() if label != chosen)
    st.html(f"<style>{hidden} {{display: none}}</style>")
    drafts: dict[str, Draft] = {}

    def draw_ways(*, deferred: bool) -> None:
        for label, way in ways.items():
            drawn = label == chosen or way.draw not in (_camera, _clipboard)
            if way.deferred is deferred and drawn:
                with st.container(key=names[label]):
                    drafts[label] = way.draw(form)

    draw_ways(deferred=False)
    with st.form("question"):
        draw_ways(deferred=True)
        clicked = st.form_submit_button(form.button, type="primary", width="stretch")
    (make, ask), made, place = drafts[chosen], None, st.empty()
    size = max(getattr(state.get("file"), "size", 0), len(state.get("text", "")))
    if clicked:
        with memory.turn(size):
            made = make()
        state.asking = "" if made else chosen
    if state.asking == chosen and ask:
        with place.container(), memory.turn(size):
            made = ask()
        if made:
            state.asking = ""
            place.empty()
    return made


def _draw_example(form: Form, example: Request) -> None:
    if example.content_type == JSON and len(example.body) > EXAMPLE_BYTES:
        st.download_button("Download an example", example.body, "request.json", on_click="ignore")
    else:
        icon = ":material/lightbulb:"
        st.button("Example", icon=icon, on_click=fill, args=(form, example), type="tertiary")
