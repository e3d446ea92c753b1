"""The page's appearance: readable in light and dark, and the same as in the README."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.actions import (
    curl,
    double,
    error,
    expect_drawn,
    expect_numbers,
    expect_rows,
    output,
    settle,
    upload,
    watch_drawing,
)
from tests.browser.conftest import Open, PageOf
from tests.support.page import PageServer

SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]
# WCAG 2.2, levels A and AA.
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


def violations(tab: Page) -> list[str]:
    """Run axe's rules in light and dark: names, roles, contrast and more."""
    tab.mouse.move(0, 0)
    found = []
    for scheme in SCHEMES:
        tab.emulate_media(color_scheme=scheme)
        settle(tab)
        for violation in Axe().run(tab, options=RULES).response["violations"]:
            nodes = (node["html"][:200] for node in violation["nodes"])
            found += [f"{scheme}, {violation['id']}: {html}" for html in nodes]
    return found


def test_every_state_is_accessible(tab: Page) -> None:
    found = {"empty": violations(tab)}
    double(tab, "1, 2.5, 9007199254740993")
    expect_numbers(tab, "3")
    curl(tab)
    found["result"] = violations(tab)
    double(tab, "id,price\n1,2.5")
    expect(tab.get_by_text("Nothing was sent yet")).to_be_visible()
    found["questions"] = violations(tab)
    double(tab, "x")
    expect(error(tab)).to_be_visible()
    found["error"] = violations(tab)
    upload(tab, "numbers.xlsx", b"PK")
    found["refused file"] = violations(tab)
    assert not any(found.values()), found


@pytest.mark.parametrize("model", ["photos", "rows", "kinds"])
def test_the_page_of_every_model_is_accessible(
    page_of: PageOf, open_page: Open, model: str
) -> None:
    tab = open_page(page_of(model))
    tab.get_by_role("button", name="Example").click()
    if model == "photos":
        expect(tab.get_by_alt_text("The picture that is sent")).to_be_visible()
    tab.get_by_role("button", name="Predict", exact=True).click()
    expect(tab.get_by_text("API: the same")).to_be_visible()
    assert violations(tab) == []
    if model == "photos":
        tab.get_by_text("Paste", exact=True).click()
        expect(tab.get_by_placeholder("Paste a picture")).to_be_visible()
        assert violations(tab) == []


@pytest.mark.parametrize(
    ("width", "options"),
    [
        (320, {}),
        (640, {"device_scale_factor": 2}),  # what a zoom of 200 % does to 1280 pixels
        (768, {"locale": "de-DE"}),
        (1440, {"locale": "ar-EG"}),
    ],
    ids=["narrow", "zoom", "German", "Arabic"],
)
def test_the_page_fits_every_width_and_draws_the_same_digits_in_every_locale(
    site: PageServer, page_of: PageOf, open_page: Open, width: int, options: dict[str, object]
) -> None:
    options = {"viewport": {"width": width, "height": 844}, **options}
    tab = open_page(site.url, **options)
    watch_drawing(tab)
    double(tab, "1234567.5, -2, 3")
    expect_numbers(tab, "3")
    curl(tab)
    expect_drawn(tab, {"1234567.5", "2469135", "-2", "-4", "3", "6"})
    assert output(tab) == [2469135.0, -4.0, 6.0]
    assert "[1234567.5,-2.0,3.0]" in curl(tab)
    save(tab, f"doubleit-{width}", width)
    other = open_page(page_of("photos"), **options)
    other.get_by_role("button", name="Example").click()
    other.get_by_role("button", name="Predict", exact=True).click()
    expect(other.get_by_text("API: the same")).to_be_visible()
    for page in (tab, other):
        shown = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
        assert shown <= width
        assert page.evaluate("getComputedStyle(document.body).direction") == "ltr"


def save(tab: Page, name: str, width: int) -> None:
    """Take a screenshot of the whole page if `make screenshot` asks for it."""
    if folder := os.environ.get("SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        height = tab.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        tab.set_viewport_size({"width": width, "height": height})
        settle(tab)
        tab.screenshot(path=Path(folder) / f"{name}.png")


# `make screenshot` takes all; one is enough to test that it can.
SHOTS = ["doubleit", "photos", "rows", "ids", "error"]
SHOTS = SHOTS if "SCREENSHOTS" in os.environ else SHOTS[:1]


@pytest.mark.parametrize("shown", SHOTS)
def test_the_screenshots_are_taken(
    site: PageServer, page_of: PageOf, open_page: Open, tmp_path: Path, shown: str
) -> None:
    """Write to the folder SCREENSHOTS if it is set, as `make screenshot` does."""
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    url = site.url if shown in ("doubleit", "error") else page_of(shown.replace("ids", "kinds"))
    tab = open_page(url, viewport={"width": 1280, "height": 1100})
    expect(tab.get_by_text("Ready · version 1.0")).to_be_visible()
    chart = tab.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first
    if shown == "doubleit":
        double(tab, "3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8")
        expect_numbers(tab, "12")
        expect_rows(tab, [["1", "3", "6"]])
        expect(chart).to_be_visible()
    elif shown == "error":
        double(tab, "1.5, 2\n$5, 50%\n2024-01-31")
        tab.get_by_test_id("stAlertContentError").wait_for()
    else:
        if shown == "ids":
            tab.get_by_label("ids", exact=True).fill("101 7592 2088 102\n101 2748 2003 102")
        else:
            tab.get_by_role("button", name="Example").click()
        tab.get_by_role("button", name="Predict", exact=True).click()
        expect(tab.get_by_text("API: the same")).to_be_visible()
        if shown == "photos":
            expect(chart).to_be_visible()
    tab.mouse.move(0, 0)
    tab.get_by_role("heading").first.click()
    for scheme in SCHEMES:
        tab.emulate_media(color_scheme=scheme)
        settle(tab)
        path = folder / f"{shown}-{scheme}.png"
        tab.screenshot(path=path, animations="disabled")
        assert path.stat().st_size < 300 * 1024
