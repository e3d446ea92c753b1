"""The page that shows the specification of the API."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import requests
from openapi_spec_validator import validate
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Watch, new_context
from tests.support.server import Server


def test_examples_are_sent_and_answered(server: Server, browser: Browser) -> None:
    """Takes a screenshot, too, if `make screenshot` asks for it."""
    with new_context(browser) as context:
        page, watch = opened(context.new_page(), server.url)
        operation = page.locator("#predict")
        expect(operation.locator(".curl")).to_have_text(
            f"curl -H 'Content-Type: application/json' -d '[1,2,3]' {server.predictions}"
        )
        send(operation, "200", "[2,4,6]")
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=Path(folder) / "docs.png")
        operation.get_by_label("Example", exact=True).select_option("v1")
        send(operation, "200", '{"predictions":[[2,4],[1.0]]}')
        operation.get_by_label("Request body").fill("['1']")
        expect(operation.locator(".curl")).to_contain_text(r"-d '['\''1'\'']'")
        assert watch.errors == []
        # The browser reports each status above 399 itself.
        send(operation, "400", '"code":400')
        page.locator("#metadataV2WithVersion > summary").click()
        send(page.locator("#metadataV2WithVersion"), "200", '"batch":"elements"')
        assert watch.hosts == {urlsplit(server.url).netloc}


def test_any_model_has_an_example(examples: Server, browser: Browser) -> None:
    url = examples.url
    with new_context(browser) as context:
        page, watch = opened(context.new_page(), url)
        expect(page.get_by_role("heading")).to_have_text("The inference API")
        operation = page.locator("#predict")
        operation.get_by_label("model").select_option("scaled")
        expect(operation.get_by_label("Request body")).to_have_value(
            '{"inputs":[{"name":"rows","shape":[1,4],"datatype":"FP32","data":[1,1,1,1]}]}'
        )
        send(operation, "200", "[0.5,0.5,0.5,0.5]")
        specification = requests.get(f"{url}/openapi.json", timeout=20).json()
        validate(specification)
        models = specification["components"]["parameters"]["model"]["schema"]["enum"]
        assert sorted(models) == ["kinds", "photos", "rows", "scaled", "tone"]
        assert (watch.errors, watch.hosts) == ([], {urlsplit(url).netloc})


def opened(page: Page, url: str) -> tuple[Page, Watch]:
    watch = Watch(page)
    page.goto(f"{url}/docs")
    page.locator("#predict form").wait_for()
    return page, watch


def send(operation: Locator, status: str, body: str) -> None:
    operation.get_by_role("button", name="Send").click()
    expect(operation.locator(".output p")).to_contain_text(f"{status}, ")
    expect(operation.locator(".output pre")).to_contain_text(body)
