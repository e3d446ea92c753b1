"""ID tokens: from gcloud for a key's account, from the IAM API for a federated account."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from scripts.deploy import identity
from scripts.deploy.environment import DeploymentError

ACCOUNT = "deployer@my-project.iam.gserviceaccount.com"
AUDIENCE = "https://api.example.test"


class IamCredentials(ThreadingHTTPServer):
    """Respond as the IAM Credentials API does, and record the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = (200, '{"token": "header.payload.signature"}')
        self.asked: list[tuple[str, str | None, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: IamCredentials

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers["Authorization"], body))
        status, text = self.server.answer
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[IamCredentials]:
    stand_ins = Path(__file__).parent / "stand_ins"
    monkeypatch.setenv("PATH", f"{stand_ins}:/usr/bin:/bin")
    monkeypatch.setenv("CLOUD", str(tmp_path))
    monkeypatch.setenv("GCP_DEPLOYER", ACCOUNT)
    with IamCredentials() as server:
        threading.Thread(target=server.serve_forever).start()
        monkeypatch.setattr(identity, "IAM_CREDENTIALS", f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()


def test_a_federated_account_asks_for_its_own_token_and_for_nothing_more(
    api: IamCredentials, tmp_path: Path
) -> None:
    assert identity.id_token(AUDIENCE) == "header.payload.signature"
    assert api.asked == [
        (
            f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateIdToken",
            "Bearer access-token",
            {"audience": AUDIENCE, "includeEmail": True},
        )
    ]
    assert (tmp_path / "calls").read_text() == "gcloud auth print-access-token\n"


def test_a_key_s_account_asks_gcloud(api: IamCredentials, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GCP_DEPLOYER")
    assert identity.id_token(AUDIENCE) == "header.payload.signature"
    assert api.asked == []


@pytest.mark.parametrize("deployer", ["", ACCOUNT])
def test_a_sign_in_that_gcloud_refuses_is_an_error(
    api: IamCredentials, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, deployer: str
) -> None:
    monkeypatch.setenv("GCP_DEPLOYER", deployer)
    (tmp_path / "refuse").touch()
    with pytest.raises(DeploymentError, match=f"no ID token for {AUDIENCE}: .*permission denied"):
        identity.id_token(AUDIENCE)
    assert api.asked == []


def test_a_missing_role_is_an_error_with_the_api_s_message(api: IamCredentials) -> None:
    denied = "Permission 'iam.serviceAccounts.getOpenIdToken' denied"
    api.answer = (403, json.dumps({"error": {"code": 403, "message": denied}}))
    with pytest.raises(DeploymentError, match=f"403 for {ACCOUNT}: .*{denied}"):
        identity.id_token(AUDIENCE)


@pytest.mark.parametrize("text", ["", "{}", "<html>", '{"token": 1}'])
def test_a_response_without_a_token_is_an_error(api: IamCredentials, text: str) -> None:
    api.answer = (200, text)
    with pytest.raises(DeploymentError, match="the response has no token"):
        identity.id_token(AUDIENCE)


@pytest.mark.usefixtures("api")
def test_an_unreachable_api_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "IAM_CREDENTIALS", "http://127.0.0.1:1")
    with pytest.raises(DeploymentError, match="Connection refused"):
        identity.id_token(AUDIENCE)
