"""An open page while its server changes, or takes long."""

from pathlib import Path

from playwright.sync_api import expect

from scripts.model import archiver
from tests.browser.actions import double, error, expect_numbers, metric, output
from tests.browser.conftest import Open
from tests.frontend.api import DOUBLEIT, answer, serve
from tests.support.operators import ONE_WORKER
from tests.support.page import PageServer
from tests.support.server import Server


def test_the_page_follows_a_server_that_changes_its_default_stops_and_starts(
    torchscript: Path, tmp_path: Path, open_page: Open
) -> None:
    for version in ("1.0", "2.0"):
        archiver.package(torchscript, "doubleit", version, archiver.CONFIG, tmp_path)
    with (
        Server(tmp_path, tmp_path / "log", environment=ONE_WORKER) as server,
        PageServer(tmp_path / "page", server.url, {"BACKEND_POLL": "1"}) as site,
    ):
        tab = open_page(site.url)
        expect(tab.get_by_text("Ready · version 1.0")).to_be_visible()
        server.register("doubleit-2.0.mar")
        double(tab, "1", version="2.0")
        expect(metric(tab, "Model version")).to_have_text("2.0")
        double(tab, version="")
        expect(metric(tab, "Model version")).to_have_text("1.0")
        server.client.set_default("2.0")
        double(tab)
        expect(metric(tab, "Model version")).to_have_text("2.0")
        expect(tab.get_by_text("Ready · version 2.0")).to_be_visible()

        server.stop()
        expect(tab.get_by_text("Not reachable")).to_be_visible()
        double(tab, "1, 2")
        expect(error(tab)).to_contain_text("The server is not reachable")
        expect(error(tab)).to_contain_text(server.url)
        server.start()
        expect(tab.get_by_text("Ready · version 1.0")).to_be_visible()
        assert tab.get_by_label("Numbers", exact=True).input_value() == "1, 2"
        double(tab)
        expect_numbers(tab, "2")
        assert output(tab) == [2, 4]
        tab.close()  # before the page's server stops, or it would report errors


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
