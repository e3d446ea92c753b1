"""The check of a URL, with retries for a new deployment."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from scripts.deploy import checks
from scripts.deploy.environment import DeploymentError, Service
from tests.support.web import respond_with


def no_smoke_test(_url: str, _model: tuple[str, str], _token: str | None, _patience: float) -> None:
    """Succeed, because these tests are about the page."""


def service(url: str | None, *, public: bool) -> Service:
    return Service(url=url, canary_url=None, serving=None, latest=None, public=public)


@pytest.mark.parametrize(
    ("status", "refusals", "patience", "waits"),
    [(404, 2, 0.01, True), (404, 9, 0.01, False), (403, 9, 1.0, True), (403, 99, 0.01, False)],
    ids=["new URL", "missing", "new permission", "no permission"],
)
def test_an_address_or_a_permission_that_needs_a_moment_gets_one(  # noqa: PLR0913, PLR0917 (fixtures and a table)
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: int,
    refusals: int,
    patience: float,
    waits: bool,
) -> None:
    monkeypatch.setattr(checks, "_smoke", no_smoke_test)
    answers = iter([(status, b"")] * refusals)
    with respond_with(lambda _: next(answers, (200, b"ok\n"))) as url:
        services = {name: service(url, public=True) for name in ("backend", "frontend")}
        with nullcontext() if waits else pytest.raises(DeploymentError, match=str(status)):
            checks.check(services, canary=False, patience=patience)
    assert f"attempt 2: HTTP Error {status}" in capsys.readouterr().out


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
