"""Access to the page: allowed hosts, public routes, and the limit of uploaded files."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.frontend.session import Session
from tests.support.page import PageServer


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    log = tmp_path_factory.mktemp("page") / "log"
    environment = {"UI_HOSTS": "page.example.com,*.run.app", "BACKEND_POLL": "0"}
    with PageServer(log, "http://127.0.0.1:9", environment) as running:
        yield running


def status(page: PageServer, host: str, origin: str | None = None) -> int:
    """Return the status of a WebSocket handshake."""
    url = f"ws://{host}/_stcore/stream"
    with socket.create_connection(("127.0.0.1", page.port), 30) as joined:
        try:
            with connect(
                url, sock=joined, origin=Origin(origin) if origin else None, open_timeout=30
            ):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code


@pytest.mark.parametrize(
    ("host", "origin", "expected"),
    [
        ("localhost", None, 101),
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
    assert status(page, host, origin) == expected


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
