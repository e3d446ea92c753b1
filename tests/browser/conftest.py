"""A real browser. Every test also fails on a console error or a request to another host."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import torch
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Page,
    sync_playwright,
)

from scripts.model import archiver
from tests.support import models
from tests.support.measuring import COVERAGE
from tests.support.page import PageServer
from tests.support.server import Server

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Besides Playwright's own, which turn the sandbox off: tests may run as root, in a container.
ARGUMENTS = ["--disable-gpu", "--disable-quic"]
# Chromium aborts loading when any network interface appears or disappears, for example when a
# container starts.
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"
LOADS = 3
CLIPBOARD = ["clipboard-read", "clipboard-write"]

# Opens a tab with the options of a browser context, such as color_scheme.
Open = Callable[..., Page]
# Returns the URL of the page for a model of the examples.
PageOf = Callable[[str], str]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    asked = os.environ.get("CHROMIUM")
    path = next(filter(None, map(shutil.which, [asked] if asked else NAMES)), None)
    if path is None:
        pytest.skip("no Chromium on this machine (make test installs Debian's as root)")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def site(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """The real page with the real server."""
    log = tmp_path_factory.mktemp("page") / "log"
    with PageServer(log, server.url) as page:
        yield page


class Kinds(torch.nn.Module):
    """Returns its integers, and tenths of its number, in every datatype that holds them."""

    def forward(self, ids: torch.Tensor, scale: torch.Tensor) -> dict[str, torch.Tensor]:
        small, tenths = ids % 100, scale * torch.arange(5) / 10
        return {
            "int64": ids, "int32": small.int(), "int16": small.short(), "int8": small.char(),
            "uint8": small.byte(), "bool": small == 0, "fp64": tenths, "fp32": tenths.float(),
            "fp16": tenths.half(), "bf16": tenths.to(torch.bfloat16),
        }  # fmt: skip


KINDS_CONFIG = """
model:
  inputs: {ids: {datatype: INT64, shape: [-1, -1]}, scale: {datatype: FP64, shape: [1]}}
"""


@pytest.fixture(scope="session")
def examples(examples: Server) -> Server:
    """A server of the models in examples/ and of one with every kind of tensor."""
    store = Path(examples.environment["MODEL_STORE"])
    model = models.save(Kinds(), store / "kinds.pt", KINDS_CONFIG)
    archiver.package(model, "kinds", "1.0", model.with_suffix(".yaml"), store)
    examples.register("kinds-1.0.mar")
    return examples


@pytest.fixture(scope="session")
def page_of(examples: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageOf]:
    """Return the URL of the real page for a model of `examples`, started at the first use."""
    with ExitStack() as running:

        @cache
        def start(model: str) -> str:
            log = tmp_path_factory.mktemp("page") / model
            environment = {"BACKEND_MODEL": model, **COVERAGE}
            return running.enter_context(PageServer(log, examples.url, environment)).url

        yield start


class Watch:
    """Events in a tab that must not occur."""

    def __init__(self, page: Page) -> None:
        self.hosts: set[str] = set()
        self.errors: list[str] = []
        self.network_changed = False
        page.on("request", lambda request: self._add(request.url))
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("websocket", lambda socket: self._add(socket.url))

    def _add(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob"):
            self.hosts.add(parts.netloc)

    def _console(self, message: ConsoleMessage) -> None:
        if NETWORK_CHANGED in message.text:
            self.network_changed = True
        elif message.type == "error":
            self.errors.append(message.text)


def load(page: Page, url: str, watch: Watch) -> None:
    """Open the page; retry if a network change aborted it."""
    for _ in range(LOADS):
        watch.network_changed = False
        watch.errors.clear()
        try:
            page.goto(url)
            page.get_by_test_id("stForm").wait_for()
        except Error as error:
            if not watch.network_changed and NETWORK_CHANGED not in str(error):
                raise
        else:
            return
    raise AssertionError(f"the network of this machine changed during {LOADS} loads")


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    options = {"viewport": {"width": 1280, "height": 1000}, "permissions": CLIPBOARD, **options}
    context = browser.new_context(**options)
    context.set_default_timeout(60_000)
    return context


@pytest.fixture(scope="session")
def context(browser: Browser) -> BrowserContext:
    """The context of all tabs without special options: it caches the page's compiled scripts."""
    return new_context(browser)


@pytest.fixture
def open_page(browser: Browser, context: BrowserContext) -> Iterator[Open]:
    with ExitStack() as checks:

        def open_url(url: str, **options: Any) -> Page:
            own = new_context(browser, **options) if options else None
            page = (own or context).new_page()
            watch = Watch(page)

            def check() -> None:
                page.close()
                if own:
                    own.close()
                assert watch.errors == []
                assert watch.hosts == {urlsplit(url).netloc}

            checks.callback(check)
            load(page, url, watch)
            return page

        yield open_url


@pytest.fixture
def tab(site: PageServer, open_page: Open) -> Page:
    """The page, open and ready."""
    page = open_page(site.url)
    page.get_by_text("Ready · version 1.0").wait_for()
    return page
