"""Check a deployment: run the smoke test on the API and request the page's health."""

import os
import subprocess
import time
from collections.abc import Callable

import requests

from scripts.deploy import smoke
from scripts.deploy.environment import DeploymentError, Service

# How long an API may take to become ready. A new URL can take up to a minute to reach all of
# Google's front ends, so a check is repeated.
PATIENCE_SECONDS = 60.0
ATTEMPTS = 3
# A new permission takes two minutes, sometimes seven or more, until it applies. Until then,
# requests get 401 or 403, so these are waited for PERMISSION_FACTOR times as long.
PERMISSION_FACTOR = 10
IAM_CREDENTIALS = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"


def check(
    services: dict[str, Service], *, canary: bool, patience: float = PATIENCE_SECONDS
) -> None:
    """Test both services, at their public URLs or at those of their newest revisions.

    Args:
        services: the services by name.
        canary: whether to use the newest revisions' own URLs.
        patience: seconds that the API may take to become ready; 0 to try once.

    Raises:
        DeploymentError: a service failed its check in all attempts.
    """
    urls = {}
    for name, service in services.items():
        # Without a stable revision there is no canary: the newest gets all requests at the
        # service's URL.
        url = (service.canary_url if canary else None) or service.url
        if url is None:
            raise DeploymentError(f"Terraform has no URL for the {name}")
        urls[name] = url
    backend, frontend = services["backend"], services["frontend"]
    # The audience is the service's main URL, even if the token is sent to another of its URLs.
    token = "" if "allUsers" in backend.invokers else id_token(str(backend.url))
    api = smoke.Deployment(urls["backend"], *backend.model, token)
    _persist(f"the API at {api.url}", lambda: smoke.check(api, patience), patience)
    page = f"the page at {urls['frontend']}"
    if "allUsers" in frontend.invokers:
        _persist(page, lambda: _healthy(urls["frontend"]), patience)
    else:
        print(f"deploy: {page} is not tested: it requires a sign-in", flush=True)


def _persist(what: str, attempt: Callable[[], None], patience: float) -> None:
    """Call `attempt` until it raises no SmokeError.

    Up to ATTEMPTS times, but as long as the service refuses the caller, for PERMISSION_FACTOR times
    `patience`.
    """
    begin = time.monotonic()
    number = 1
    while True:
        try:
            attempt()
        except smoke.SmokeError as error:
            print(f"deploy: {what}, attempt {number}: {error}", flush=True)
            waited = time.monotonic() - begin
            refused = error.status in smoke.NOT_LET_IN and waited < PERMISSION_FACTOR * patience
            if not patience or (number >= ATTEMPTS and not refused):
                message = f"{what} does not respond as expected: {error}"
                raise DeploymentError(message) from error
        else:
            print(f"deploy: {what} responds as expected", flush=True)
            return
        number += 1
        time.sleep(patience / 6)


def _healthy(url: str) -> None:
    try:
        answer = requests.get(f"{url}/_stcore/health", timeout=60)
    except requests.RequestException as error:
        raise smoke.SmokeError(str(error)) from error
    if not answer.ok or answer.text.strip() != "ok":
        message = f"/_stcore/health responds {answer.status_code} {answer.text[:100]!r}"
        raise smoke.SmokeError(message, answer.status_code)


def id_token(audience: str) -> str:
    """Return an ID token, which a private API requires, for the account signed in to gcloud.

    A workflow signs in by federation, which issues no ID tokens. It sets GCP_DEPLOYER to its
    account, which may create ID tokens for itself.

    Raises:
        DeploymentError: no token was issued; the message contains the reason.
    """
    try:
        if account := os.environ.get("GCP_DEPLOYER"):
            return _generate(account, audience)
        return _gcloud("print-identity-token", f"--audiences={audience}")
    except (DeploymentError, requests.RequestException, LookupError) as error:
        raise DeploymentError(f"no ID token for {audience}: {error}") from error


def _generate(account: str, audience: str) -> str:
    # gcloud's --impersonate-service-account first creates an access token, which requires a role
    # that can also sign anything. This call only requires the permission getOpenIdToken.
    answer = requests.post(
        f"{IAM_CREDENTIALS}/{account}:generateIdToken",
        json={"audience": audience, "includeEmail": True},
        headers={"Authorization": f"Bearer {_gcloud('print-access-token')}"},
        timeout=30,
    )
    if not answer.ok:
        raise DeploymentError(f"{answer.status_code} for {account}: {answer.text[:500]}")
    return str(answer.json()["token"])


def _gcloud(*arguments: str) -> str:
    command = ["gcloud", "auth", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DeploymentError(done.stderr.strip())
    return done.stdout.strip()
