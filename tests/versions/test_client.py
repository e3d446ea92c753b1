"""The client of the management API, where no TorchServe is at the other end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from scripts.versions import client
from scripts.versions.client import Management, Server, VersionsError


class Other(BaseHTTPRequestHandler):
    """Some web server: answers everything with 200, and /models/moved with a redirect."""

    def do_GET(self) -> None:
        moved = self.path.startswith("/models/moved")
        self.send_response(302 if moved else 200)
        self.send_header("Location", "http://192.0.2.1/")
        self.end_headers()
        self.wfile.write(b"<html>hello</html>")

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def other() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def management(url: str, model: str = "doubleit") -> Management:
    return Management(Server(model, url, url, url))


def test_a_server_that_is_not_torchserve_is_an_error(other: str) -> None:
    with pytest.raises(
        VersionsError,
        match=f"{other}/models/doubleit/all is not TorchServe's management API: JSON is malformed",
    ):
        management(other).describe()


def test_a_redirect_is_not_followed(other: str) -> None:
    with pytest.raises(VersionsError, match="TorchServe refused: 302 <html>hello</html>"):
        management(other, "moved").describe()


def test_a_server_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with HTTPServer(("127.0.0.1", 0), Other) as listening:
        monkeypatch.setattr(client, "TIMEOUT", 0.2)
        with pytest.raises(VersionsError, match="did not answer within 0 s"):
            management(f"http://127.0.0.1:{listening.server_port}").describe()


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:8081", True),
        ("http://127.9.9.9", True),
        ("http://localhost:8081", True),
        ("http://[::1]:8081", True),
        ("http://0.0.0.0:8081", False),
        ("http://10.0.0.1:8081", False),
        ("http://localhost.example:8081", False),
        ("http://127.0.0.1@example.com", False),
        ("127.0.0.1:8081", False),
        ("", False),
    ],
)
def test_only_loopback_is_loopback(url: str, loopback: bool) -> None:
    assert client.is_loopback(url) is loopback
