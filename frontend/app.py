"""The page's Streamlit script, run by `python -m frontend`."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html import escape
from typing import Literal

import streamlit as st

from frontend import display, memory, model, numbers_page, outcome, request_page, settings
from frontend.client import Client
from frontend.errors import ApiError, State
from frontend.model import Model
from frontend.outcome import RESPONDS, Described, Failure
from frontend.settings import Settings, SettingsError

Badge = tuple[str, Literal["green", "orange", "red"]]
BADGES: dict[State, Badge] = {
    State.READY: (":material/check_circle:", "green"),
    State.LOADING: (":material/hourglass_top:", "orange"),
    State.BUSY: (":material/hourglass_top:", "orange"),
}
OTHER_BADGE: Badge = (":material/error:", "red")
NO_METADATA = (
    "The server does not describe the inputs of this model, so the page sends a list of numbers. "
    "An archive made with this version of the project describes them."
)
# Metadata is cached briefly only: a version may be replaced while the page is open.
METADATA_SECONDS = 10

_client = st.cache_resource(show_spinner=False)(Client)


WAITING = "The server has not described its model yet. The form appears as soon as it does."
STYLE = """<style>
[data-testid=stCaptionContainer] {color: inherit; opacity: 1}
.st-key-announcement {position: absolute; width: 1px; height: 1px; overflow: hidden}
</style>"""


@st.cache_data(ttl=METADATA_SECONDS, max_entries=50, show_spinner=False)
def metadata(config: Settings, version: str | None) -> Model | None:
    """Return the model's metadata, cached; errors are not cached."""
    return _client(config).metadata(version)


@st.cache_resource(show_spinner=False)
def known_models() -> dict[Settings, Model]:
    """Return the last metadata of each model, for a server that is not reachable now."""
    return {}


def describe(config: Settings, version: str | None) -> Described:
    """Return the model's metadata; if the server does not respond, the last that it sent."""
    try:
        found = Described(metadata(config, version), responded=True)
    except ApiError:
        return Described(known_models().get(config), responded=False)
    if found.model:
        known_models()[config] = found.model
    return found


def main() -> None:
    """Draw the page."""
    try:
        config = settings.read(os.environ)
    except SettingsError as error:
        st.set_page_config("Page", layout="wide")
        st.error(f"**The page is not set up**\n\n{display.plain(str(error))}")
        return
    version = st.session_state.get("version", "").strip() or None
    described = describe(config, version)
    words = model.words(config.model, described.model)
    st.set_page_config(words.title, layout="wide")
    st.html(STYLE)
    st.title(display.plain(words.title), anchor=False)
    st.markdown(display.plain(words.text))
    state = st.container()
    left, right = st.columns([2, 3], gap="large")
    connect = partial(_client, config)
    page = request_page if described.model and not described.model.takes_numbers else numbers_page
    with left, error_if_busy():
        if described.responded and described.model is None:
            st.info(NO_METADATA, icon=":material/info:")
        if described.responded or described.model or config.model == settings.DEFAULT_MODEL:
            found = page.draw_form(config, words, described.model, connect)
            if found is not None:
                st.session_state.outcome = found
        else:
            st.info(WAITING, icon=":material/hourglass_top:")
            st.button("Try again")
    with right, error_if_busy():
        show(config)
    # Last, so that a slow server does not delay the rest of the page.
    with state:
        st.fragment(show_state, run_every=config.poll or None)(config, version, described)


@contextmanager
def error_if_busy() -> Iterator[None]:
    """Show an error if other sessions' large inputs take too long."""
    try:
        yield
    except memory.BusyError:
        st.error("The page is busy with other large inputs. Try again in a moment.")


def show(config: Settings) -> None:
    """Show the result of the last click, or why there is none."""
    found = st.session_state.get("outcome")
    with st.container(key="announcement"):
        if found is not None:
            said = (
                found.title
                if isinstance(found, Failure)
                else (f"The result is there, after {display.duration(found.response.seconds)}")
            )
            st.html(f'<p role="alert">{escape(said)}</p>')
    if found is None:
        st.info("The result appears here.", icon=":material/arrow_back:")
    elif isinstance(found, Failure):
        sentences = "\n".join(f"- {display.plain(sentence)}" for sentence in found.sentences)
        st.error(f"**{found.title}**\n\n{sentences}", icon=":material/error:")
    elif found.numbers is None:
        request_page.show(config, found)
    else:
        numbers_page.show(config, found)


def show_state(config: Settings, version: str | None, described: Described) -> None:
    """Show the server's state; draw the page again when the server has come or has changed."""
    status = outcome.look(partial(_client, config), version, described.model)
    model = described.model
    other = (
        model and version is None and status.detail not in (RESPONDS, f"version {model.version}")
    )
    since = time.monotonic() - st.session_state.get("followed", -math.inf)
    if (
        status.state is State.READY
        and (other or not described.responded)
        and since > METADATA_SECONDS
    ):
        st.session_state.followed = time.monotonic()
        metadata.clear()
        st.rerun()
    icon, color = BADGES.get(status.state, OTHER_BADGE)
    label = status.state.value
    if status.state is State.READY:
        label += f" · {display.plain(status.detail)}"
    st.badge(label, icon=icon, color=color)
    if status.state is not State.READY:
        st.caption(display.plain(status.detail))


if __name__ == "__main__":
    main()
