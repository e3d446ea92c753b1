"""The page for models that do not take a list of numbers: the examples, on the real server.

Each is also checked for accessibility.
"""

import base64
import contextlib
import json
import subprocess
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from server.store.paths import ROOT
from tests.browser.actions import (
    choose_version,
    curl,
    error,
    expect_drawn,
    metric,
    upload,
    violations,
    watch_drawing,
)
from tests.browser.conftest import Open, PageOf
from tests.support.wait import wait_until

SKY = ROOT / "examples" / "photos" / "sky.jpg"


@pytest.fixture
def opened(page_of: PageOf, open_page: Open) -> Callable[[str], Page]:
    def open_model(model: str) -> Page:
        tab = open_page(page_of(model))
        tab.get_by_text("Ready · version 1.0").wait_for()
        watch_drawing(tab)
        return tab

    return open_model


def predict(tab: Page, request: object = None) -> None:
    """Enter a request as JSON, if given, and click."""
    if request is not None:
        tab.get_by_text("Advanced: JSON").click()
        tab.get_by_label("Request", exact=True).fill(json.dumps(request))
    tab.get_by_role("button", name="Predict", exact=True).click()


def copy_picture(tab: Page) -> None:
    """Put the example's picture into the clipboard, which takes PNG only."""
    tab.evaluate(
        """async jpeg => {
            const blob = await (await fetch(`data:image/jpeg;base64,${jpeg}`)).blob();
            const canvas = document.createElement("canvas");
            const bitmap = await createImageBitmap(blob);
            [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
            canvas.getContext("2d").drawImage(bitmap, 0, 0);
            const png = await new Promise(done => canvas.toBlob(done, "image/png"));
            await navigator.clipboard.write([new ClipboardItem({"image/png": png})]);
        }""",
        base64.b64encode(SKY.read_bytes()).decode(),
    )


def test_a_picture_is_shown_and_its_label_drawn(opened: Callable[[str], Page]) -> None:
    tab = opened("photos")
    picture = tab.get_by_alt_text("The picture that is sent").locator("visible=true")
    tab.get_by_text("Paste", exact=True).click()
    copy_picture(tab)
    tab.get_by_placeholder("Paste a picture").click()
    assert violations(tab) == []
    tab.keyboard.press("Control+V")
    expect(tab.get_by_text("image.png")).to_be_visible()
    tab.get_by_role("button", name="Send message").click()  # Enter, once it is uploaded
    expect(picture).to_be_visible()
    predict(tab)
    expect_drawn(tab, {"blue", "0.89", "Label", "probability"})
    expect(tab.get_by_label("Bars of the largest scores: blue 0.89 first").first).to_be_attached()
    assert violations(tab) == []
    upload(tab, SKY.name, SKY.read_bytes())
    expect(picture).to_be_visible()
    tab.evaluate("window.drawn.clear()")
    predict(tab)
    expect_drawn(tab, {"blue", "0.89"})
    # A request without a picture gets all scores, with the labels of the archive.
    pixels = [0.75] * 1024 + [0.5] * 1024 + [0.25] * 1024
    tensor = {"name": "image", "shape": [1, 3, 32, 32], "datatype": "FP32", "data": pixels}
    predict(tab, {"inputs": [tensor]})
    rows = tab.get_by_test_id("stDataFrame").locator("canvas table tbody tr")
    expect(rows.locator("td:nth-child(2)")).to_have_text(["red", "green", "blue"])
    expect_drawn(tab, {"red", "green", "blue"})


def test_a_table_of_the_archive_s_columns_is_answered(opened: Callable[[str], Page]) -> None:
    tab = opened("rows")
    expect_drawn(tab, {"area", "rooms", "age"})
    predict(tab)
    expect(tab.get_by_text("FP32, 1 \u00d7 1")).to_be_visible()
    expect_drawn(tab, {"price"})
    tab.get_by_role("button", name="Example").click()
    expect(tab.get_by_text("area,rooms,age")).to_be_visible()
    predict(tab)
    expect_drawn(tab, {"305", "415"})
    assert violations(tab) == []


def test_cells_are_pasted_into_the_table_which_an_unknown_version_keeps(
    opened: Callable[[str], Page],
) -> None:
    tab = opened("scaled")
    cells = "3\t0\t0\t4,0"
    tab.evaluate("text => navigator.clipboard.writeText(text)", cells)
    editor = tab.get_by_test_id("stDataFrame").first.locator("canvas").first
    editor.click(position={"x": 80, "y": 55}, force=True)
    tab.keyboard.press("Control+V")
    expect_drawn(tab, set(cells.split("\t")))

    def is_answered() -> bool:
        # The table hands over what was pasted a moment after it has drawn it.
        predict(tab)
        with contextlib.suppress(AssertionError):
            expect(tab.get_by_label("scores: 3 0.8 first").first).to_be_attached(timeout=3_000)
            return True
        return False

    wait_until(is_answered, "the row that was pasted")
    expect_drawn(tab, {"0.6", "0.8"})
    notes = tab.get_by_test_id("stAlertContentWarning")
    expect(notes).to_contain_text("“4,0” was read as 4.0")
    choose_version(tab, "9.9")
    predict(tab)
    expect(tab.get_by_text("Unknown version")).to_be_visible()
    expect(error(tab)).to_contain_text("The server has no version “9.9” of the model")
    expect(tab.get_by_test_id("stDataFrame").first).to_be_visible()


def test_numbers_of_every_datatype_are_drawn_as_the_server_wrote_them(
    opened: Callable[[str], Page],
) -> None:
    tab = opened("kinds")
    tab.get_by_label("ids", exact=True).fill(f"{2**63 - 1} {-(2**63)}\n99 7")
    tab.get_by_label("scale", exact=True).fill("1")
    predict(tab)
    expect(metric(tab, "Outputs")).to_have_text("10")
    answer = subprocess.check_output(["sh", "-c", curl(tab)], timeout=30)
    outputs = json.loads(answer, parse_int=str, parse_float=str)["outputs"]
    assert len({found["datatype"] for found in outputs}) == 10
    digits = {each for found in outputs for each in found["data"] if found["datatype"] != "BOOL"}
    assert {str(2**63 - 1), str(-(2**63)), "0.3"} < digits
    drawn = {each.removesuffix(".0") for each in digits}
    expect_drawn(tab, drawn)
    tab.evaluate("window.drawn.clear()")
    assert violations(tab) == []  # draws the table in both colour schemes
    expect_drawn(tab, drawn)
