"""The check of a URL, with retries for a new deployment."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from scripts.deploy import checks
from scripts.deploy.environment import DeploymentError, Service


class Reluctant(BaseHTTPRequestHandler):
    """A page that is healthy from the third request on."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(200 if self.asked > 2 else 404)
        self.end_headers()
        self.wfile.write(b"ok\n")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def no_smoke_test(_url: str, _model: tuple[str, str], _token: str | None, _patience: float) -> None:
    """Succeed, because these tests are about the page."""


def service(url: str | None, *, public: bool) -> Service:
    return Service(url=url, canary_url=None, serving=None, latest=None, public=public)


def test_an_address_that_needs_a_moment_gets_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "_smoke", no_smoke_test)
    with ThreadingHTTPServer(("127.0.0.1", 0), Reluctant) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_port}"
        services = {name: service(url, public=True) for name in ("backend", "frontend")}
        checks.check(services, canary=False, patience=0.01)
        server.shutdown()
    assert "attempt 2 of 3: HTTP Error 404" in capsys.readouterr().out


def test_a_page_behind_a_sign_in_is_said_not_to_be_tested(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checks, "_smoke", no_smoke_test)
    services = {
        "backend": service("https://api.example", public=True),
        "frontend": service("https://page.example", public=False),
    }
    checks.check(services, canary=False, patience=0)
    assert "https://page.example is not tested: it requires a sign-in" in capsys.readouterr().out


def test_a_service_without_an_address_is_named() -> None:
    services = {name: service(None, public=True) for name in ("backend", "frontend")}
    with pytest.raises(DeploymentError, match="no URL for the backend"):
        checks.check(services, canary=True, patience=0)
