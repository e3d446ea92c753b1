"""The page's Streamlit script, run by `python -m frontend`."""

import math
import os
import threading
import time
from concurrent.futures import Future, wait
from html import escape

import streamlit as st

from frontend import display, export, form, memory, model, outputs, settings
from frontend.client import Client, Response
from frontend.errors import ApiError, State
from frontend.model import JSON, Described, Model, Request
from frontend.reading import NotNumbersError
from frontend.settings import Settings

_WAIT = ("hourglass_top", "orange")
BADGES = {State.READY: ("check_circle", "green"), State.LOADING: _WAIT, State.BUSY: _WAIT}
_NO_METADATA = "The server does not describe the inputs of this model"
OLD = f"{_NO_METADATA}, so the page sends a list of numbers. A newer archive describes them."
FOREIGN = f"{_NO_METADATA}, which may have a handler of its own: send it a file, a text or JSON."
WAITING = "The server has not described its model yet. The form appears as soon as it does."
# Metadata is cached briefly only: a version may be replaced while the page is open.
METADATA_SECONDS = 10
# How often a prediction looks whether it was stopped.
STOP_SECONDS = 0.2
# The results of a session that are kept besides the last one, and the largest request of those.
HISTORY, HISTORY_BYTES = 5, 2**16
# A run that is stopped cannot remove its spinner.
STYLE = """<style>
[data-test-script-state=notRunning] [data-testid=stSpinner] {display: none}
[data-testid=stCaptionContainer] {color: inherit; opacity: 1}
.st-key-announcement {position: absolute; width: 1px; height: 1px; overflow: hidden}
</style>"""

# What a click leads to.
Outcome = Response | NotNumbersError | ApiError

_client = st.cache_resource(show_spinner=False)(Client)


@st.cache_data(ttl=METADATA_SECONDS, max_entries=50, show_spinner=False)
def metadata(config: Settings, version: str | None, _known: Model | None) -> Described:
    """Return the model's metadata and versions, cached; errors are not cached."""
    client = _client(config)
    return Described(client.metadata(version, _known), responded=True, versions=client.versions())


def describe(config: Settings, version: str | None) -> Described:
    """Return the model's metadata; if the server does not respond, the last of this session."""
    known: Described = st.session_state.get("known", Described(None, responded=False))
    try:
        found = metadata(config, version, known.model)
    except ApiError:
        return known._replace(responded=False)
    if found.model:
        st.session_state.known = found
    return found


def main() -> None:
    """Draw the page."""
    config = settings.read(os.environ)
    named = st.session_state.get("version", st.query_params.get("version"))
    version = (named or "").strip() or None
    described = describe(config, version)
    title, text, button = model.words(config.model, described.model)
    st.set_page_config(title, layout="wide")
    st.html(STYLE)
    st.title(display.plain(title), anchor=False)
    st.markdown(display.plain(text))
    state = st.container()
    left, right = st.columns([2, 3], gap="large")
    drawn = form.Form(config, button, described.model)
    try:
        with left:
            draw_input(drawn, version, described)
        with right:
            show(drawn)
    except memory.BusyError:
        st.error("The page is busy with other large inputs. Try again in a moment.")
    # Last, so that a slow server does not delay the rest of the page.
    with state:
        st.fragment(show_state, run_every=config.poll or None)(drawn, version, described)


def draw_input(drawn: form.Form, version: str | None, described: Described) -> None:
    """Draw the version and the form; after a click, send the request and keep the outcome."""
    if described.responded and described.model is None:
        st.info(OLD if drawn.takes_numbers else FOREIGN, icon=":material/info:")
    elif not described.model and not drawn.takes_numbers:
        st.info(WAITING, icon=":material/hourglass_top:")
        st.button("Try again")
        return
    if "fills" not in st.session_state:
        form.fill(drawn, Request(st.query_params.get("input", "").encode()))
    versions = ["", *sorted({*described.versions, version or ""} - {""})]
    st.selectbox(
        "Model version", versions, key="version", accept_new_options=True, bind="query-params",
        format_func=lambda each: each or "the server's default",
    )  # fmt: skip
    found: Outcome
    try:
        request = form.draw(drawn)
        if request is None:
            return
        with st.spinner("The model is at work …", show_time=True), memory.turn(len(request.body)):
            found = infer(_client(drawn.config), request, version)
    except (NotNumbersError, ApiError) as error:
        # Its traceback would keep the whole input in memory.
        found = error.with_traceback(None)
    state = st.session_state
    earlier = [each for each in state.get("results", []) if isinstance(each, Response)]
    small = [each for each in earlier if len(export.body_of(each.request)) <= HISTORY_BYTES]
    state.results, state.clicks = [found, *small[:HISTORY]], state.get("clicks", 0) + 1


def infer(client: Client, request: Request, version: str | None) -> Response:
    """Return the response, or raise ApiError; a click on Streamlit's Stop ends the wait for it."""
    call: Future[Response] = Future()

    def send() -> None:
        try:
            call.set_result(client.infer(request, version))
        except Exception as error:  # noqa: BLE001 (raised below)
            call.set_exception(error)

    threading.Thread(target=send, daemon=True).start()
    waiting = st.empty()
    while not wait([call], STOP_SECONDS).done:
        waiting.empty()  # Streamlit can only end a run when it draws something.
    return call.result()


def show(drawn: form.Form) -> None:
    """Show the result of the last click, why there is none, or an earlier result."""
    results: list[Outcome] = st.session_state.get("results", [])
    with st.container(key="announcement"):
        for last in results[:1]:
            there = "The result is there: " if isinstance(last, Response) else ""
            st.html(f'<p role="alert">{escape(there + _label(last))}</p>')
    if not results:
        st.info("The result appears here.", icon=":material/arrow_back:")
        return
    chosen = 0
    if len(results) > 1:
        chosen = st.selectbox(
            "Results of this session", range(len(results)), key=f"result-{st.session_state.clicks}",
            format_func=lambda i: f"{i or 'last'}: {_label(results[i])}",
        )  # fmt: skip
    found = results[chosen]
    if isinstance(found, Response):
        outputs.show(drawn.config, found, drawn.model)
    else:
        sentences = "\n".join(f"- {display.plain(sentence)}" for sentence in found.sentences)
        st.error(f"**{found.title}**\n\n{sentences}", icon=":material/error:")


def _label(found: Outcome) -> str:
    if not isinstance(found, Response):
        return found.title
    request = found.request
    sent = request.body if request.values is None else export.to_json(request.values[:20])
    text = " ".join(sent[:60].decode(errors="replace").split())
    return text if request.content_type == JSON else request.content_type


def show_state(drawn: form.Form, version: str | None, described: Described) -> None:
    """Show the server's state; draw the page again when the server has come or has changed."""
    known, found = described.model, None
    try:
        found = _client(drawn.config).metadata(version, known)
        state, detail = State.READY, f"version {found.version}" if found else "the model responds"
    except ApiError as error:
        state, detail = error.state, str(error)
    other = known and found and found.version != known.version
    since = time.monotonic() - st.session_state.get("followed", -math.inf)
    if state is State.READY and (other or not described.responded) and since > METADATA_SECONDS:
        st.session_state.followed = time.monotonic()
        metadata.clear()
        st.rerun()
    icon, color = BADGES.get(state, ("error", "red"))
    label, detail = state.value[0], display.plain(detail)
    label = f"{label} · {detail}" if state is State.READY else label
    st.badge(label, icon=f":material/{icon}:", color=color)  # type: ignore[arg-type]
    if state is not State.READY:
        st.caption(detail)


if __name__ == "__main__":
    main()
