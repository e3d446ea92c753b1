"""Get ID tokens, which a private API requires from its clients."""

from __future__ import annotations

import os
import subprocess

import msgspec
import requests

from scripts.deploy.environment import DeploymentError

IAM_CREDENTIALS = "https://iamcredentials.googleapis.com"


class _Token(msgspec.Struct):
    token: str


def id_token(audience: str) -> str:
    """Return an ID token for the account that is signed in to gcloud.

    A workflow signs in by federation, which issues no ID tokens. It sets GCP_DEPLOYER to its
    account, which may create ID tokens for itself.

    Raises:
        DeploymentError: no token was issued; the message contains the reason.
    """
    try:
        if account := os.environ.get("GCP_DEPLOYER"):
            return _generate(account, audience)
        return _gcloud("print-identity-token", f"--audiences={audience}")
    except DeploymentError as error:
        raise DeploymentError(f"no ID token for {audience}: {error}") from error


def _generate(account: str, audience: str) -> str:
    # gcloud's --impersonate-service-account first creates an access token, which requires a role
    # that can also sign anything. This call only requires the permission getOpenIdToken.
    try:
        answer = requests.post(
            f"{IAM_CREDENTIALS}/v1/projects/-/serviceAccounts/{account}:generateIdToken",
            json={"audience": audience, "includeEmail": True},
            headers={"Authorization": f"Bearer {_gcloud('print-access-token')}"},
            timeout=30,
        )
    except requests.RequestException as error:
        raise DeploymentError(str(error)) from error
    if not answer.ok:
        raise DeploymentError(f"{answer.status_code} for {account}: {answer.text[:500]}")
    try:
        return msgspec.json.decode(answer.content, type=_Token).token
    except msgspec.MsgspecError as error:
        raise DeploymentError(f"{account}: the response has no token: {error}") from error


def _gcloud(*arguments: str) -> str:
    command = ["gcloud", "auth", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DeploymentError(done.stderr.strip())
    return done.stdout.strip()
