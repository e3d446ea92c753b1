"""What a person does on the page and reads from it."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Locator, Page, expect

# Streamlit brings the answer within this on a busy machine.
expect.set_options(timeout=20_000)


def double(tab: Page, text: str | None = None, version: str | None = None) -> None:
    """Type numbers and a version where they are given, and click."""
    if text is not None:
        tab.get_by_label("Numbers", exact=True).fill(text)
    if version is not None:
        tab.get_by_role("textbox", name="Model version").fill(version)
    tab.get_by_role("button", name="Double", exact=True).click()


def metric(tab: Page, label: str) -> Locator:
    """Return the figure under a label."""
    return tab.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue")


def expect_numbers(tab: Page, count: str) -> None:
    """Wait for a result of so many numbers."""
    expect(metric(tab, "Numbers")).to_have_text(count)
    expect(tab.get_by_test_id("stCode").filter(has_text="curl ")).to_be_visible()


def expect_rows(tab: Page, expected: list[list[str]]) -> None:
    """Wait until the table's first rows, as the browser shows them, are these."""
    rows = tab.get_by_test_id("stDataFrame").locator("canvas table tbody tr")
    for i, cells in enumerate(expected):
        expect(rows.nth(i).locator("td")).to_have_text(cells)


def output(tab: Page) -> list[Any]:
    """Return the output that stands there to be copied."""
    found: list[Any] = json.loads(tab.get_by_test_id("stCode").first.inner_text())
    return found


def curl(tab: Page) -> str:
    """Return the line for a terminal."""
    return tab.get_by_test_id("stCode").last.inner_text()


def error(tab: Page) -> Locator:
    """Return the error in place of a result."""
    return tab.get_by_test_id("stAlertContentError")
