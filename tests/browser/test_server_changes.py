"""An open page while its server changes, or takes long."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, expect

from scripts.model import archiver
from tests.browser.actions import double, error, expect_numbers, metric, output
from tests.browser.conftest import Open
from tests.frontend.api import DOUBLEIT, answer, serve
from tests.support.page import PageServer
from tests.support.server import Server


@pytest.fixture(scope="module")
def own_server(torchscript: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A separate server for these tests, with two versions in its store and 1.0 served."""
    folder = tmp_path_factory.mktemp("changes")
    for version in ("1.0", "2.0"):
        archiver.package(torchscript, "doubleit", version, archiver.CONFIG, folder)
    with Server(folder, folder / "log") as server:
        yield server


@pytest.fixture(scope="module")
def own_page(own_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("page") / "log"
    with PageServer(log, own_server.url, {"BACKEND_POLL": "1"}) as site:
        yield site.url


@pytest.fixture
def own_tab(own_page: str, open_page: Open) -> Iterator[Page]:
    tab = open_page(own_page)
    yield tab
    # Close the tab before its server stops, or it would report errors.
    tab.close()


def test_the_server_stops_and_starts_while_the_page_is_open(
    own_tab: Page, own_server: Server
) -> None:
    expect(own_tab.get_by_text("Ready · version 1.0")).to_be_visible()
    own_server.stop()
    expect(own_tab.get_by_text("Not reachable")).to_be_visible()
    double(own_tab, "1, 2")
    expect(error(own_tab)).to_contain_text("The server is not reachable")
    expect(error(own_tab)).to_contain_text(own_server.url)
    own_server.start()
    expect(own_tab.get_by_text("Ready · version 1.0")).to_be_visible(timeout=60_000)
    assert own_tab.get_by_label("Numbers", exact=True).input_value() == "1, 2"
    double(own_tab)
    expect_numbers(own_tab, "2")
    assert output(own_tab) == [2, 4]


def test_default_and_named_version_are_told_apart(own_tab: Page, own_server: Server) -> None:
    own_server.register("doubleit-2.0.mar")
    double(own_tab, "1", version="2.0")
    expect(metric(own_tab, "Model version")).to_have_text("2.0")
    double(own_tab, version="")
    expect(metric(own_tab, "Model version")).to_have_text("1.0")
    requests.put(
        f"{own_server.management}/models/doubleit/2.0/set-default", timeout=60
    ).raise_for_status()
    double(own_tab)
    expect(metric(own_tab, "Model version")).to_have_text("2.0")
    expect(own_tab.get_by_text("Ready · version 2.0")).to_be_visible()


def test_long_work_shows_its_progress_and_can_be_cancelled(open_page: Open, tmp_path: Path) -> None:
    with serve() as api:
        api.metadata, api.replies = DOUBLEIT, ["hang"]
        with PageServer(tmp_path / "log", api.url, {"BACKEND_POLL": "0"}) as site:
            tab = open_page(site.url)
            double(tab, "1 2")
            work = tab.get_by_text("The model is at work")
            expect(work).to_be_visible()
            tab.get_by_role("button", name="Stop").click()
            expect(work).to_be_hidden(timeout=20_000)  # before the request ends
            api.replies = [answer([2, 4])]
            double(tab)
            expect_numbers(tab, "2")
            tab.close()
