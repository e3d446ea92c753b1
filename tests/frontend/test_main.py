"""`python -m frontend` as a process: how it starts and stops, and what it lets in."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.frontend.api import NOWHERE
from tests.frontend.session import Session
from tests.support.containers import run
from tests.support.measuring import COVERAGE
from tests.support.page import PageServer

# The headers of a WebSocket's handshake.
WEBSOCKET: dict[str, str | None] = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


def test_the_page_is_served_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    with PageServer(tmp_path / "log", NOWHERE, COVERAGE) as page:
        assert "<title>" in requests.get(page.url, timeout=10).text
        listening = Path("/proc/net/tcp").read_text()
        assert page.stop(signal.SIGINT) == 0
    said = (tmp_path / "log").read_text()
    assert page.url in said
    assert "Traceback" not in said
    # It only listens on loopback.
    assert f" 0100007F:{page.port:04X} 00000000:0000 0A" in listening
    assert f" 00000000:{page.port:04X} 00000000:0000 0A" not in listening


def test_an_unusable_setting_ends_the_start_with_one_line() -> None:
    done = run([sys.executable, "-m", "frontend"], {"BACKEND_URL": "nowhere"})
    message = 'page: BACKEND_URL is "nowhere": it has to be like http://127.0.0.1:8080\n'
    assert (done.returncode, done.stderr) == (1, message)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    log = tmp_path_factory.mktemp("page") / "log"
    environment = {"UI_HOSTS": "page.example.com,*.run.app", "BACKEND_POLL": "0"}
    with PageServer(log, NOWHERE, environment) as running:
        yield running


@pytest.mark.parametrize(
    ("host", "origin", "expected"),
    [
        ("127.0.0.1:1", None, 101),
        ("page.example.com", None, 101),
        ("A.RUN.APP:443", None, 101),
        ("evil.example:8501", None, 403),
        ("run.app.evil.example", None, 403),
        ("x-page.example.com", None, 403),
        ("127.0.0.1:1", "http://evil.example", 403),
    ],
)
def test_only_named_hosts_and_origins_are_let_in(
    page: PageServer, host: str, origin: str | None, expected: int
) -> None:
    headers = WEBSOCKET | {"Host": host, "Origin": origin}
    answer = requests.get(f"{page.url}/_stcore/stream", headers=headers, timeout=30)
    assert answer.status_code == expected


@pytest.mark.parametrize(
    "route", ["metrics?families=cache_memory_bytes", "agent/interact", "//metrics", "./metrics"]
)
def test_unused_routes_return_404(page: PageServer, route: str) -> None:
    url = f"{page.url}/_stcore/{route}"
    request = requests.Request("GET", url).prepare()
    request.url = url
    answer = requests.Session().send(request, timeout=30)
    assert answer.status_code in (400, 404)
    assert "TYPE" not in answer.text


def test_a_health_check_by_address_is_answered(page: PageServer) -> None:
    answer = requests.get(f"{page.url}/_stcore/health", headers={"Host": "10.0.0.7"}, timeout=30)
    assert (answer.status_code, answer.text) == (200, "ok")


def test_a_file_beyond_the_limit_is_refused_before_it_is_kept(page: PageServer) -> None:
    with Session(page.url) as session, pytest.raises(requests.HTTPError, match="413"):
        session.upload("numbers.txt", b"1 " * (6 * 2**20))


def test_a_message_beyond_the_limit_ends_the_session_not_the_page(page: PageServer) -> None:
    with Session(page.url) as session, pytest.raises(Exception, match="1009"):
        session.paste("1 " * (5 * 2**20))
    with Session(page.url) as session:
        assert "text_area" in session.elements
