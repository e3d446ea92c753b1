"""The page's appearance: readable in light and dark, and the same as in the README."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from tests.browser.actions import double, expect_numbers, expect_rows
from tests.browser.conftest import Open
from tests.support.page import PageServer

# WCAG 2.2: contrast of text to its background, 1.4.3 level AA; large text needs 3.
READABLE = 4.5
READABLE_LARGE = 3

# The contrast between an element's text and its background (WCAG 2.2, relative luminance).
CONTRAST = """element => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const backgrounds = [];
    for (let e = element; e; e = e.parentElement) {
        backgrounds.unshift(getComputedStyle(e).backgroundColor);
    }
    const paint = color => { canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1); };
    const luminance = () => {
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map(value => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    backgrounds.forEach(paint);
    const behind = luminance();
    paint(getComputedStyle(element).color);
    const text = luminance();
    return (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
}"""


def contrasts(tab: Page, places: dict[str, str]) -> dict[str, float]:
    """Return the contrast of the first element for each place, by the name of the place."""
    return {
        name: tab.locator(selector).first.evaluate(CONTRAST) for name, selector in places.items()
    }


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable(
    site: PageServer, open_page: Open, scheme: Literal["light", "dark"]
) -> None:
    tab = open_page(site.url, color_scheme=scheme)
    double(tab, "1, 2.5, 9007199254740993")
    expect_numbers(tab, "3")
    tab.mouse.move(0, 0)
    large = contrasts(tab, {"title": "h1", "figure": "[data-testid=stMetricValue]"})
    normal = contrasts(
        tab,
        {
            "text": "[data-testid=stMarkdownContainer] p",
            "label": "[data-testid=stWidgetLabel] p",
            "field": "textarea",
            "choice": "[data-testid=stRadio] label p",
            "badge": ".stMarkdownBadge",
            "button": "[data-testid=stBaseButton-primaryFormSubmit] p",
            "download": "[data-testid=stDownloadButton] p",
            "caption": "[data-testid=stCaptionContainer] p",
            "code": "[data-testid=stCode] code",
            "note": "[data-testid=stAlertContentWarning] p",
        },
    )
    double(tab, "x")
    tab.get_by_test_id("stAlertContentError").wait_for()
    normal |= contrasts(tab, {"error": "[data-testid=stAlertContentError] p"})
    too_faint = {name: round(value, 2) for name, value in normal.items() if value < READABLE}
    too_faint |= {name: round(v, 2) for name, v in large.items() if v < READABLE_LARGE}
    assert too_faint == {}


def test_the_page_fits_a_phone(site: PageServer, open_page: Open) -> None:
    tab = open_page(site.url, viewport={"width": 390, "height": 844})
    double(tab, "1, 2, 3")
    expect_numbers(tab, "3")
    width = tab.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert width <= 390


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
        expect(tab.get_by_test_id("stCode")).to_be_visible()
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
