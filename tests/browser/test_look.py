"""The page's appearance: readable in light and dark, and the same as in the README."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.actions import curl, double, error, expect_numbers, expect_rows
from tests.browser.conftest import Open
from tests.support.page import PageServer

# WCAG 2.2, levels A and AA.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_state_is_accessible(
    site: PageServer, flowers: PageServer, open_page: Open, scheme: Literal["light", "dark"]
) -> None:
    """Run axe's rules: names, roles, contrast and more."""
    found: dict[str, list[str]] = {}

    def check(tab: Page, state: str) -> None:
        tab.mouse.move(0, 0)
        tab.wait_for_timeout(500)  # colours fade
        violations = Axe().run(tab, options=RULES).response["violations"]
        found[state] = [f"{v['id']}: {n['html'][:200]}" for v in violations for n in v["nodes"]]

    tab = open_page(site.url, color_scheme=scheme)
    check(tab, "empty")
    double(tab, "1, 2.5, 9007199254740993")
    expect_numbers(tab, "3")
    curl(tab)
    check(tab, "result")
    double(tab, "id,price\n1,2.5")
    expect(tab.get_by_text("Nothing was sent yet")).to_be_visible()
    check(tab, "questions")
    double(tab, "x")
    expect(error(tab)).to_be_visible()
    check(tab, "error")
    tab.get_by_text("Upload a file").click()
    check(tab, "upload")
    tab = open_page(flowers.url, color_scheme=scheme)
    tab.get_by_role("button", name="Predict", exact=True).click()
    expect(tab.get_by_text("API: the same")).to_be_visible()
    check(tab, "classifier")
    assert found == {state: [] for state in found}


@pytest.mark.parametrize("width", [320, 768, 1440])
def test_the_page_fits_every_width(site: PageServer, open_page: Open, width: int) -> None:
    tab = open_page(site.url, viewport={"width": width, "height": 844})
    double(tab, "1, 2, 3")
    expect_numbers(tab, "3")
    curl(tab)
    shown = tab.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert shown <= width


# `make screenshot` takes all; one is enough to test that it can.
SHOTS = ["doubleit", "classifier", "error"] if "SCREENSHOTS" in os.environ else ["doubleit"]


@pytest.mark.parametrize("shown", SHOTS)
def test_the_screenshots_are_taken(
    request: pytest.FixtureRequest, open_page: Open, tmp_path: Path, shown: str
) -> None:
    """Write to the folder SCREENSHOTS if it is set, as `make screenshot` does."""
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    served: PageServer = request.getfixturevalue("flowers" if shown == "classifier" else "site")
    tab = open_page(served.url, viewport={"width": 1280, "height": 1100})
    expect(tab.get_by_text("Ready · version 1.0")).to_be_visible()
    if shown == "classifier":
        tab.get_by_role("button", name="Predict", exact=True).click()
        expect(tab.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()
        expect(tab.get_by_text("API: the same")).to_be_visible()
    elif shown == "error":
        double(tab, "1.5, 2\n$5, 50%\n2024-01-31")
        tab.get_by_test_id("stAlertContentError").wait_for()
    else:
        double(tab, "3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8")
        expect_numbers(tab, "12")
        expect_rows(tab, [["1", "3", "6"]])
        expect(tab.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()
    tab.mouse.move(0, 0)
    tab.get_by_role("heading").first.click()
    schemes: list[Literal["light", "dark"]] = ["light", "dark"]
    for scheme in schemes:
        tab.emulate_media(color_scheme=scheme)
        tab.wait_for_timeout(1000)  # colours fade, and the chart is drawn again
        path = folder / f"{shown}-{scheme}.png"
        tab.screenshot(path=path)
        assert path.stat().st_size < 300 * 1024
