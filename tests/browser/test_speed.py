from __future__ import annotations

import time

from playwright.sync_api import Page, expect

from tests.browser.actions import double, expect_numbers, rows

COUNT = 100_000


def test_100_000_pasted_numbers_are_shown_in_under_5_seconds(tab: Page) -> None:
    tab.evaluate(
        "text => navigator.clipboard.writeText(text)",
        ", ".join(str(37 * i - 10**6) for i in range(COUNT)),
    )
    field = tab.get_by_label("Numbers", exact=True)
    field.click()
    begin = time.monotonic()
    tab.keyboard.press("Control+V")
    double(tab)
    expect_numbers(tab, "100,000")
    expect(tab.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()
    assert rows(tab, 2)[1] == ["2", "-999963", "-1999926"]
    seconds = time.monotonic() - begin
    print(f"{COUNT:,} pasted numbers answered and shown in {seconds:.2f} s")
    assert seconds < 5
    expect(tab.get_by_text("of 100,000 numbers")).to_be_visible()


def test_the_last_of_100_000_rows_is_there(tab: Page) -> None:
    double(tab, " ".join(map(str, range(COUNT))))
    expect_numbers(tab, "100,000")
    table = tab.get_by_test_id("stDataFrame")
    table.locator("canvas").first.click(position={"x": 200, "y": 60})
    tab.keyboard.press("Control+End")
    expect(table.locator("canvas table tbody tr").last).to_contain_text("199998")
