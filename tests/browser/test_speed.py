"""The bytes of the page."""

from __future__ import annotations

import sys
import time

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import new_context
from tests.support.page import PageServer

# A mobile network of 1.6 Mbit/s, and the most that it loads in five seconds.
NETWORK = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": -1}
FIRST_BYTES = 1_000_000


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
