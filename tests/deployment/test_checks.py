"""The checks of a deployment: retries, and the ID tokens for a private API."""

from contextlib import nullcontext
from pathlib import Path
from unittest.mock import Mock

import pytest
import requests

from scripts.deploy import checks, smoke
from scripts.deploy.environment import DeploymentError, Service
from tests.iac.workplace import STAND_INS
from tests.support.web import respond_with

ACCOUNT = "deployer@my-project.iam.gserviceaccount.com"
AUDIENCE = "https://api.example.test"
EVERYBODY = ("allUsers",)


@pytest.fixture(autouse=True)
def page_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the smoke test of the API succeed."""
    monkeypatch.setattr(smoke, "check", lambda _server, _wait: None)


@pytest.mark.parametrize(
    ("status", "refusals", "patience", "waits"),
    [(404, 2, 0.01, True), (404, 9, 0.01, False), (403, 9, 1.0, True), (403, 99, 0.01, False)],
    ids=["new URL", "missing", "new permission", "no permission"],
)
def test_an_address_or_a_permission_that_needs_a_moment_gets_one(
    capsys: pytest.CaptureFixture[str], status: int, refusals: int, patience: float, waits: bool
) -> None:
    answers = iter([(status, b"")] * refusals)
    with respond_with(lambda _: next(answers, (200, b"ok\n"))) as url:
        services = {name: Service(url=url, invokers=EVERYBODY) for name in ("backend", "frontend")}
        with nullcontext() if waits else pytest.raises(DeploymentError, match=str(status)):
            checks.check(services, canary=False, patience=patience)
    assert f"attempt 2: /_stcore/health responds {status}" in capsys.readouterr().out


def test_a_page_behind_a_sign_in_and_a_service_without_an_address_are_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    services = {
        "backend": Service(url="https://api.example", invokers=EVERYBODY),
        "frontend": Service(url="https://page.example"),
    }
    checks.check(services, canary=False, patience=0)
    assert "https://page.example is not tested: it requires a sign-in" in capsys.readouterr().out
    with pytest.raises(DeploymentError, match="no URL for the frontend"):
        checks.check(services | {"frontend": Service()}, canary=True, patience=0)


def response(status: int, text: str) -> requests.Response:
    made = requests.Response()
    made.status_code, made._content = status, text.encode()
    return made


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Mock:
    """A stand-in for the IAM Credentials API, and for gcloud."""
    monkeypatch.setenv("PATH", f"{STAND_INS}:/usr/bin:/bin")
    monkeypatch.setenv("CLOUD", str(tmp_path))
    monkeypatch.setenv("GCP_DEPLOYER", ACCOUNT)
    post = Mock()
    monkeypatch.setattr(requests, "post", post)
    return post


def test_a_federated_account_asks_for_its_own_token_and_a_key_s_account_asks_gcloud(
    post: Mock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    post.return_value = response(200, '{"token": "own.payload.signature"}')
    assert checks.id_token(AUDIENCE) == "own.payload.signature"
    post.assert_called_once_with(
        "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
        f"{ACCOUNT}:generateIdToken",
        json={"audience": AUDIENCE, "includeEmail": True},
        headers={"Authorization": "Bearer token"},
        timeout=30,
    )
    assert (tmp_path / "calls").read_text() == "gcloud auth print-access-token\n"
    monkeypatch.delenv("GCP_DEPLOYER")
    assert checks.id_token(AUDIENCE) == "header.payload.signature"
    post.assert_called_once()


DENIED = "Permission 'iam.serviceAccounts.getOpenIdToken' denied"


@pytest.mark.parametrize(
    ("status", "text", "message"),
    [
        (403, f'{{"error": {{"message": "{DENIED}"}}}}', f"403 for {ACCOUNT}: .*{DENIED}"),
        (200, "<html>", "Expecting value"),
        (200, "{}", "token"),
    ],
)
def test_a_response_without_a_token_is_an_error_with_its_reason(
    post: Mock, status: int, text: str, message: str
) -> None:
    post.return_value = response(status, text)
    with pytest.raises(DeploymentError, match=f"no ID token for {AUDIENCE}: .*{message}"):
        checks.id_token(AUDIENCE)
