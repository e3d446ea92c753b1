"""The page's appearance: readable in light and dark, and the same as in the README."""

import itertools
import os
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.actions import (
    RULES,
    curl,
    double,
    error,
    expect_drawn,
    expect_numbers,
    expect_rows,
    output,
    settle,
    upload,
    violations,
    watch_drawing,
)
from tests.browser.conftest import Open, PageOf, new_context
from tests.support.page import PageServer

# A mobile network of 1.6 Mbit/s, and the most that it loads in five seconds.
NETWORK = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": -1}
FIRST_BYTES = 1_000_000


def test_every_state_is_accessible(tab: Page) -> None:
    assert violations(tab) == []
    double(tab, "1, 2.5, 9007199254740993")
    expect_numbers(tab, "3")
    curl(tab)
    assert violations(tab) == []
    double(tab, "id,price\n1,2.5")
    expect(tab.get_by_text("Nothing was sent yet")).to_be_visible()
    assert violations(tab) == []
    double(tab, "x")
    expect(error(tab)).to_be_visible()
    assert violations(tab) == []
    upload(tab, "numbers.xlsx", b"PK")
    expect(tab.get_by_test_id("stAlertContentWarning")).to_contain_text("save the sheet as CSV")
    assert violations(tab) == []


def test_the_page_fits_every_width_and_draws_the_same_digits_in_another_locale(
    site: PageServer, page_of: PageOf, open_page: Open
) -> None:
    widths = (320, 640, 1440)
    options = {"viewport": {"width": widths[0], "height": 844}, "locale": "ar-EG"}
    tab = open_page(site.url, **options)
    watch_drawing(tab)
    double(tab, "1234567.5, -2, 3")
    expect_numbers(tab, "3")
    assert "[1234567.5,-2.0,3.0]" in curl(tab)
    expect_drawn(tab, {"1234567.5", "2469135", "-2", "-4", "3", "6"})
    assert output(tab) == [2469135.0, -4.0, 6.0]
    other = open_page(page_of("photos"), **options)
    other.get_by_role("button", name="Example").click()
    other.get_by_alt_text("The picture that is sent").wait_for()
    other.get_by_role("button", name="Predict", exact=True).click()
    expect(other.get_by_text("API: the same")).to_be_visible()
    for page, width in itertools.product((tab, other), widths):
        page.set_viewport_size({"width": width, "height": 844})
        settle(page)
        page.wait_for_function(
            "width => document.querySelector('[data-testid=stMain]').scrollWidth <= width",
            arg=width,
        )
        assert page.evaluate("getComputedStyle(document.body).direction") == "ltr"


# `make screenshot` takes all; one is enough to test that it can.
SHOTS = ["doubleit", "photos"] if "SCREENSHOTS" in os.environ else ["doubleit"]


@pytest.mark.parametrize("shown", SHOTS)
def test_the_screenshots_are_taken(
    site: PageServer, page_of: PageOf, open_page: Open, tmp_path: Path, shown: str
) -> None:
    """Write to the folder SCREENSHOTS if it is set, as `make screenshot` does."""
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    url = site.url if shown == "doubleit" else page_of(shown)
    tab = open_page(url, viewport={"width": 1280, "height": 1100})
    expect(tab.get_by_text("Ready · version 1.0")).to_be_visible()
    if shown == "doubleit":
        double(tab, "3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8")
        expect_numbers(tab, "12")
        expect_rows(tab, [["1", "3", "6"]])
    else:
        tab.get_by_role("button", name="Example").click()
        expect(tab.get_by_alt_text("The picture that is sent")).to_be_visible()
        tab.get_by_role("button", name="Predict", exact=True).click()
        expect(tab.get_by_text("API: the same")).to_be_visible()
    expect(tab.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()
    tab.mouse.move(0, 0)
    tab.get_by_role("heading").first.click()
    for scheme in RULES:
        tab.emulate_media(color_scheme=scheme)
        settle(tab)
        path = folder / f"{shown}-{scheme}.png"
        tab.screenshot(path=path, animations="disabled")
        assert path.stat().st_size < 300 * 1024


def test_a_first_load_is_small(
    site: PageServer, browser: Browser, capsys: pytest.CaptureFixture[str]
) -> None:
    """Print bytes and seconds of a load without a cache; the seconds depend on the machine."""
    with new_context(browser) as context:
        tab, loaded = context.new_page(), list[int]()
        devtools = context.new_cdp_session(tab)
        devtools.send("Network.enable")
        devtools.send("Network.emulateNetworkConditions", NETWORK)
        devtools.on("Network.loadingFinished", lambda e: loaded.append(int(e["encodedDataLength"])))
        begin = time.monotonic()
        tab.goto(site.url, wait_until="commit")
        found = tab.wait_for_function(
            "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
        )
        painted, first = found.json_value() / 1000, sum(loaded)
        tab.get_by_role("button", name="Double", exact=True).wait_for(timeout=60_000)
        ready, every = time.monotonic() - begin, sum(loaded)
    with capsys.disabled():
        sys.stdout.write(
            f"\nfirst load at 1.6 Mbit/s: painted after {painted:.1f} s and {first / 1e6:.2f} MB, "
            f"ready after {ready:.1f} s and {every / 1e6:.2f} MB\n"
        )
    assert first < FIRST_BYTES
