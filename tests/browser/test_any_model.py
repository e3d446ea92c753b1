"""The page for a model that does not take a list of numbers: a classifier on the real server."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.actions import (
    choose_version,
    curl,
    error,
    expect_drawn,
    metric,
    upload,
    watch_drawing,
)
from tests.browser.conftest import Open
from tests.support.page import PageServer
from tests.support.wait import wait_until


@pytest.fixture
def page(flowers: PageServer, open_page: Open) -> Page:
    opened = open_page(flowers.url)
    opened.get_by_text("Ready · version 1.0").wait_for()
    return opened


def predict(tab: Page, request: object = None) -> None:
    """Enter a request as JSON, if given, and click."""
    if request is not None:
        tab.get_by_text("Advanced: JSON").click()
        text = request if isinstance(request, str) else json.dumps(request)
        tab.get_by_label("Request", exact=True).fill(text)
    tab.get_by_role("button", name="Predict", exact=True).click()


def rows(*features: list[float]) -> dict[str, object]:
    data = [number for row in features for number in row]
    tensor = {"name": "features", "shape": [len(features), 4], "datatype": "FP32", "data": data}
    return {"inputs": [tensor]}


def test_the_first_row_is_answered_as_it_stands(page: Page) -> None:
    expect(page.get_by_role("heading", name="flowers")).to_be_visible()
    expect(page.get_by_text("Takes features (FP32, any \u00d7 4)")).to_be_visible()
    predict(page)
    expect(metric(page, "Outputs")).to_have_text("2")
    expect(metric(page, "Model version")).to_have_text("1.0")
    expect(page.get_by_text("FP32, 1 \u00d7 3")).to_be_visible()
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg").first).to_be_visible()


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("5.1\t3.5\t1.4\t0.2", None),
        ("5,1\t3,5\t1,4\t0,2", "“5,1” was read as 5.1, and 3 more like it"),
    ],
    ids=["points", "commas"],
)
def test_cells_are_pasted_into_the_table(page: Page, cells: str, said: str | None) -> None:
    watch_drawing(page)
    page.evaluate("text => navigator.clipboard.writeText(text)", cells)
    editor = page.get_by_test_id("stDataFrame").first.locator("canvas").first
    editor.click(position={"x": 80, "y": 55}, force=True)
    page.keyboard.press("Control+V")
    expect_drawn(page, set(cells.split("\t")[:3]))
    kind = page.get_by_test_id("stDataFrame").last.locator("canvas table tbody tr td").nth(1)

    def is_answered() -> bool:
        # The table hands over what was pasted a moment after it has drawn it.
        predict(page)
        with contextlib.suppress(AssertionError):
            expect(kind).to_have_text("0", timeout=3_000)
            return True
        return False

    wait_until(is_answered, "the kind of the pasted flower")
    notes = page.get_by_test_id("stAlertContentWarning")
    expect(notes).to_have_count(1 if said else 0)
    if said:
        expect(notes).to_contain_text(said)


def test_rows_of_a_file_are_shown_before_they_are_sent(page: Page) -> None:
    upload(page, "rows.csv", b"a;b;c;d\n5,1;3,5;1,4;0,2\n6,3;3,3;6;2,5\n")
    predict(page)
    page.get_by_role("button", name="Predict these 2 rows").click()
    expect(page.get_by_text("kind · INT64, 2")).to_be_visible()
    kinds = page.get_by_test_id("stDataFrame").last.locator("canvas table tbody tr")
    expect(kinds.nth(1).locator("td")).to_have_text(["2", "2"])


@pytest.mark.parametrize(
    "body",
    [
        [[5.1, 3.5, 1.4, 0.2]],
        {"instances": [[5.1, 3.5, 1.4, 0.2]]},
        rows([5.1, 3.5, 1.4, 0.2]),
    ],
    ids=["bare", "V1", "V2"],
)
def test_a_body_of_every_format_is_answered(page: Page, body: object) -> None:
    predict(page, body)
    expect(metric(page, "Outputs")).to_be_visible()
    expect(error(page)).to_have_count(0)


def test_an_unknown_version_keeps_the_form(page: Page) -> None:
    choose_version(page, "9.9")
    predict(page)
    expect(page.get_by_text("Unknown version")).to_be_visible()
    expect(error(page)).to_contain_text("The server has no version “9.9” of the model")
    expect(page.get_by_test_id("stDataFrame").first).to_be_visible()


def test_a_file_is_sent(page: Page) -> None:
    upload(page, "request.json", json.dumps(rows([1, 2, 3, 4])).encode())
    predict(page)
    expect(metric(page, "Outputs")).to_have_text("2")


def test_the_server_says_where_a_request_is_wrong(page: Page) -> None:
    predict(page, rows([1, 2, 3]) | {"id": "1"})
    expect(error(page)).to_contain_text("The server does not take this input")
    expect(error(page)).to_contain_text("shape")


def test_what_is_not_json_is_named_with_its_place(page: Page) -> None:
    predict(page, '{"inputs": [1,}')
    expect(error(page)).to_contain_text("This is not JSON; nothing was sent")
    expect(error(page)).to_contain_text("Line 1, column 15")


def test_the_curl_line_does_the_same(page: Page, tmp_path: Path) -> None:
    predict(page, rows([5.1, 3.5, 1.4, 0.2]))
    expect(metric(page, "Outputs")).to_have_text("2")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON").click()
    download.value.save_as(tmp_path / "answer.json")
    done = subprocess.run(
        ["sh", "-c", curl(page)], cwd=tmp_path, capture_output=True, check=True, timeout=30
    )
    kept = json.loads((tmp_path / "answer.json").read_text())["outputs"]
    for found, expected in zip(json.loads(done.stdout)["outputs"], kept, strict=True):
        assert found["data"] == expected["data"]
