"""A user's actions on the page, and the content that a user reads."""

import contextlib
import json
import mimetypes
import re
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error, FilePayload, Locator, Page, expect

# Streamlit shows the result within this time on a busy machine.
expect.set_options(timeout=60_000)
ATTEMPTS, TAKEN_MILLISECONDS = 3, 7_000
# WCAG 2.2, levels A and AA. Of its rules, only contrast depends on the colours.
RULES: dict[Literal["light", "dark"], list[str]] = {
    "dark": ["color-contrast"],
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
}
LIST, CURL = re.compile(r"^\s*\["), re.compile(r"^\s*curl ")


def double(tab: Page, text: str | None = None, version: str | None = None) -> None:
    """Type the numbers and the version, if given, and click."""
    if text is not None:
        tab.get_by_label("Numbers", exact=True).fill(text)
    if version is not None:
        choose_version(tab, version)
    tab.get_by_role("button", name="Double", exact=True).click()


def choose_version(tab: Page, version: str) -> None:
    """Choose a version, or type one that the server does not list."""
    shown = version or "the server's default"
    field = tab.get_by_role("combobox", name="Model version")
    field.click()
    tab.keyboard.type(shown)
    # The first of the list: the version, or "Add: VERSION".
    expect(tab.get_by_role("option").first).to_contain_text(shown)
    tab.keyboard.press("Enter")
    expect(field).to_have_value(shown)


def upload(tab: Page, name: str, content: bytes) -> None:
    """Choose the upload and give it a file, again if the page is drawn anew meanwhile."""
    tab.get_by_text("Upload a file").click()
    taken = tab.get_by_role("button", name=f"Remove {name}")
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    file: FilePayload = {"name": name, "mimeType": kind, "buffer": content}
    for _ in range(ATTEMPTS):
        with contextlib.suppress(Error):
            # The file is there before its content is: a click would send nothing.
            with tab.expect_response("**/upload_file/**", timeout=TAKEN_MILLISECONDS):
                tab.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
            taken.wait_for(timeout=TAKEN_MILLISECONDS)
            break
    expect(taken).to_be_visible()


def settle(tab: Page) -> None:
    """Wait until the page is drawn and no colour fades any more."""
    app = tab.get_by_test_id("stApp")
    expect(app).to_have_attribute("data-test-script-state", "notRunning")
    tab.wait_for_function("document.getAnimations().every(each => each.playState != 'running')")


def violations(tab: Page) -> list[str]:
    """Run axe's rules in dark and light: names, roles, contrast and more."""
    tab.mouse.move(0, 0)
    found = []
    for scheme, rules in RULES.items():
        tab.emulate_media(color_scheme=scheme)
        settle(tab)
        options = {"runOnly": rules, "resultTypes": ["violations"]}
        for violation in Axe().run(tab, options=options).response["violations"]:
            nodes = (node["html"][:200] for node in violation["nodes"])
            found += [f"{scheme}, {violation['id']}: {html}" for html in nodes]
    return found


def metric(tab: Page, label: str) -> Locator:
    """Return the figure with a label."""
    return tab.get_by_test_id("stMetric").filter(has_text=label).get_by_test_id("stMetricValue")


def expect_numbers(tab: Page, count: str) -> None:
    """Wait for a result with this count of numbers."""
    expect(metric(tab, "Numbers")).to_have_text(count)
    expect(tab.get_by_text("API: the same")).to_be_visible()


def expect_rows(tab: Page, expected: list[list[str]]) -> None:
    """Wait until the table's first rows, as shown by the browser, are these."""
    rows = tab.get_by_test_id("stDataFrame").locator("canvas table tbody tr")
    for i, cells in enumerate(expected):
        expect(rows.nth(i).locator("td")).to_have_text(cells)


# Collects the texts that the tables draw; their hidden HTML, for screen readers, may differ.
_WATCH_DRAWING = """() => {
    window.drawn = new Set();
    for (const kind of [CanvasRenderingContext2D, OffscreenCanvasRenderingContext2D]) {
        const draw = kind.prototype.fillText;
        kind.prototype.fillText = function (text, ...rest) {
            window.drawn.add(text);
            return draw.call(this, text, ...rest);
        };
    }
}"""


def watch_drawing(tab: Page) -> None:
    """Collect all texts that the page draws on a canvas from now on."""
    tab.evaluate(_WATCH_DRAWING)


def expect_drawn(tab: Page, texts: set[str]) -> None:
    """Wait until the page has drawn all of these texts on a canvas."""
    tab.wait_for_function("texts => texts.every(t => window.drawn.has(t))", arg=sorted(texts))


def output(tab: Page) -> list[Any]:
    """Return the output that is shown for copying."""
    found: list[Any] = json.loads(output_block(tab).inner_text())
    return found


def output_block(tab: Page) -> Locator:
    """Return the block of code with the output."""
    return _code(tab, LIST)


def curl(tab: Page) -> str:
    """Return the curl command."""
    if not tab.get_by_test_id("stCode").filter(has_text=CURL).is_visible():
        tab.get_by_text("API: the same").click()
    return _code(tab, CURL).inner_text()


def _code(tab: Page, start: re.Pattern[str]) -> Locator:
    """Wait for the block of code with this start and return it; they appear one by one."""
    block = tab.get_by_test_id("stCode").filter(has_text=start)
    expect(block).to_be_visible()
    return block


def error(tab: Page) -> Locator:
    """Return the error that is shown instead of a result."""
    return tab.get_by_test_id("stAlertContentError")
