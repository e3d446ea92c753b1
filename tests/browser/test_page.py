"""DoubleIt's page in a real browser: what is typed, drawn, copied, downloaded and told."""

import contextlib
import json
import re
import subprocess
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.actions import (
    curl,
    double,
    error,
    expect_drawn,
    expect_numbers,
    expect_rows,
    metric,
    output,
    output_block,
    upload,
    watch_drawing,
)
from tests.support.wait import wait_until

LARGE = 2**53 + 1  # the first integer that a browser cannot represent as a number


def save(tab: Page, button: str, folder: Path) -> Path:
    """Click a download's button and return the file."""
    with tab.expect_download() as download:
        tab.get_by_role("button", name=button).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_the_keyboard_is_enough_and_a_result_is_announced(tab: Page) -> None:
    tab.get_by_label("Numbers", exact=True).fill("1, 2\n3.5")
    tab.keyboard.press("Control+Enter")
    expect_numbers(tab, "3")
    expect_rows(tab, [["1", "1", "2"], ["2", "2", "4"], ["3", "3.5", "7"]])
    assert output(tab) == [2.0, 4.0, 7.0]
    expect(metric(tab, "Model version")).to_have_text("1.0")
    expect(metric(tab, "Time")).to_contain_text("s")
    expect(tab.get_by_role("alert").filter(has_text="The result is there")).to_have_count(1)
    chart = tab.get_by_label("Chart of Input and Output by number, 3 values").first
    expect(chart.locator("canvas, svg").first).to_be_visible()


# Per input: what the table draws for the numbers and their doubles.
DRAWN = [
    ("95.0, 3703.5, 0.1, 1e-25", {"95", "190", "3703.5", "7407", "0.1", "0.2", "1e-25", "2e-25"}),
    (f"{2**62 - 1} {-(2**62)}", {str(2**62 - 1), str(2**63 - 2), str(-(2**63))}),
    ("5e-324, 2.2250738585072014e-308, 0.3", {"5e-324", "1e-323", "4.450147717014403e-308", "0.6"}),
    ("-0.0, 9007199254740992.0, 123456789.125", {"-0.0", "9.007199254740992e+15", "246913578.25"}),
]


def test_the_table_draws_the_digits_that_came_back(tab: Page) -> None:
    watch_drawing(tab)
    for text, drawn in DRAWN:
        double(tab, text)
        expect_drawn(tab, drawn)
        tab.evaluate("window.drawn.clear()")


def test_copies_downloads_and_the_curl_line_are_exact(tab: Page, tmp_path: Path) -> None:
    double(tab, f"{LARGE} {-LARGE}")
    expect_numbers(tab, "2")
    assert tab.get_by_label("Numbers", exact=True).input_value() == f"{LARGE} {-LARGE}"
    assert save(tab, "Download CSV", tmp_path).read_text() == (
        f"input,output\n{LARGE},{2 * LARGE}\n{-LARGE},{-2 * LARGE}\n"
    )
    found = json.loads(save(tab, "Download JSON", tmp_path).read_text())
    assert (found["model"], found["version"]) == ("doubleit", "1.0")
    assert (found["input"], found["output"]) == ([LARGE, -LARGE], [2 * LARGE, -2 * LARGE])
    code = output_block(tab)
    code.hover()
    code.get_by_role("button").click()
    copied = tab.evaluate("navigator.clipboard.readText()")
    assert copied == f"[{2 * LARGE},{-2 * LARGE}]"
    assert f"[{LARGE},{-LARGE}]" in curl(tab)
    # A longer request is in a file beside the command.
    double(tab, " ".join(str(LARGE + i) for i in range(100)))
    expect_numbers(tab, "100")
    command = curl(tab)
    save(tab, "request.json", tmp_path)
    done = subprocess.check_output(["sh", "-c", command], cwd=tmp_path, timeout=30)
    assert json.loads(done) == output(tab)


def test_what_could_be_read_in_another_way_is_asked(tab: Page) -> None:
    upload(tab, "prices.csv", "Artikel;Preis\nÄpfel;1,200\nBirnen;0,850\n".encode())
    double(tab)
    expect(tab.get_by_text("Nothing was sent yet")).to_be_visible()
    tab.get_by_role("combobox", name="Commas and points").click()
    tab.get_by_role("option", name="1.234,5 (decimal comma)").click()
    expect_rows(tab, [["1", "1.2"], ["2", "0.85"]])
    tab.get_by_role("button", name="Double these 2 numbers").click()
    expect(output_block(tab)).to_have_text("[2.4,1.7]")
    expect(tab.get_by_text("Nothing was sent yet")).to_have_count(0)


def test_what_is_typed_and_not_sent_outlives_a_look_at_the_upload(tab: Page) -> None:
    field = tab.get_by_label("Numbers", exact=True)
    field.fill("1 2 3")
    for _ in range(3):  # quick switches, sometimes before the page has finished drawing
        tab.get_by_text("Upload a file").click()
        tab.get_by_text("A file: ").wait_for()
        expect(field).to_be_hidden()
        tab.get_by_text("Type or paste").click()
        expect(field).to_have_value("1 2 3")


def test_a_link_brings_input_and_version_back(tab: Page) -> None:
    double(tab, f"[{LARGE}]", version="1.0")
    expect_numbers(tab, "1")
    curl(tab)
    link = tab.get_by_test_id("stCode").filter(has_text=re.compile(r"^\s*http")).inner_text()
    tab.goto(link.strip())
    expect(tab.get_by_label("Numbers", exact=True)).to_have_value(f"[{LARGE}]")
    double(tab)
    expect_numbers(tab, "1")
    assert "/predictions/doubleit/1.0" in curl(tab)


def test_an_error_is_told_literally_with_its_place_and_goes_once_the_input_is_right(
    tab: Page,
) -> None:
    double(tab, "1, 2, 4611686018427387904")
    expect(error(tab)).to_contain_text("The server does not take this input")
    expect(error(tab)).to_contain_text("Number 3: 4611686018427387904 is outside the integers")
    double(tab, "![x](http://example.com/x.png) <img/src=http://example.com/y.png>")
    expect(error(tab)).to_contain_text("“![x](http://example.com/x.png)” is not a number")
    expect(error(tab).locator("img")).to_have_count(0)
    double(tab, "1")
    expect_numbers(tab, "1")
    expect(error(tab)).to_have_count(0)


def test_a_text_beyond_the_limit_is_not_taken_and_the_page_says_the_limit(tab: Page) -> None:
    field = tab.get_by_label("Numbers", exact=True)
    expect(field).to_have_attribute("placeholder", re.compile("Up to 500,000 numbers, 3.8 MiB"))
    tab.evaluate("text => navigator.clipboard.writeText(text)", "1 " * 2_000_001)
    field.click()
    tab.keyboard.press("Control+V")
    expect(tab.get_by_text("/4000000")).to_be_visible()
    double(tab)
    expect(error(tab)).to_contain_text("nothing was sent")
    double(tab, "1 2")
    expect_numbers(tab, "2")


def test_the_table_the_chart_and_the_downloads_work_at_the_limit(tab: Page, tmp_path: Path) -> None:
    count = 500_000
    upload(tab, "numbers.txt", "\n".join(map(str, range(count))).encode())
    double(tab)
    expect_numbers(tab, f"{count:,}")
    expect_rows(tab, [["1", "0", "0"], ["2", "1", "2"]])
    expect(tab.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()
    expect(tab.get_by_text(f"of {count:,} numbers, the smallest and largest")).to_be_visible()
    expect(tab.get_by_text("numbers are not for copying: download them")).to_be_visible()
    table = tab.get_by_test_id("stDataFrame")
    cells = table.locator("canvas table tbody tr").last.locator("td")

    def is_scrolled_to_the_end() -> bool:
        # A key that is pressed before the table is drawn has no effect.
        table.locator("canvas").first.click(position={"x": 200, "y": 60}, force=True)
        tab.keyboard.press("Control+End")
        last = [str(count), str(count - 1), str(2 * (count - 1))]
        with contextlib.suppress(AssertionError):
            expect(cells).to_have_text(last, timeout=3_000)
            return True
        return False

    wait_until(is_scrolled_to_the_end, "the table's last row")
    lines = save(tab, "Download CSV", tmp_path).read_text().splitlines()
    assert (len(lines), lines[-1]) == (count + 1, f"{count - 1},{2 * (count - 1)}")
