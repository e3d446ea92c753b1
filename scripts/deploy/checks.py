"""Check a deployment: run the smoke test on the API and request the page's health."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from scripts.deploy import identity
from scripts.deploy.environment import DeploymentError, Service
from server.store.paths import ROOT

# How long an API may take to become ready. A new URL can take up to a minute to reach all of
# Google's front ends, so a check is repeated.
PATIENCE_SECONDS = 60.0
ATTEMPTS = 3
# A new permission takes two minutes, sometimes seven or more, until it applies. Until then,
# requests get 401 or 403, so these are waited for PERMISSION_FACTOR times as long.
PERMISSION_FACTOR = 10
REFUSED = re.compile(r"\b40[13]\b")


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
    backend, frontend = services["backend"], services["frontend"]
    url = _address("backend", backend, canary)
    # The audience is the service's main URL, even if the token is sent to another of its URLs.
    token = None if backend.public else identity.id_token(str(backend.url))
    _persist(f"the API at {url}", lambda: _smoke(url, backend.model, token, patience), patience)
    url = _address("frontend", frontend, canary)
    if frontend.public:
        _persist(f"the page at {url}", lambda: _page(url), patience)
    else:
        print(f"deploy: the page at {url} is not tested: it requires a sign-in", flush=True)


def _address(name: str, service: Service, canary: bool) -> str:
    # Without a stable revision there is no canary: the newest gets all requests at the service's
    # URL.
    url = (service.canary_url if canary else None) or service.url
    if url is None:
        raise DeploymentError(f"Terraform has no URL for the {name}")
    return url


def _persist(what: str, attempt: Callable[[], str | None], patience: float) -> None:
    """Call `attempt` until it returns None instead of an error message.

    Up to ATTEMPTS times, but as long as the service refuses the caller, for PERMISSION_FACTOR times
    `patience`.
    """
    begin = time.monotonic()
    number = 1
    while wrong := attempt():
        print(f"deploy: {what}, attempt {number}: {wrong}", flush=True)
        waited = time.monotonic() - begin
        refused = REFUSED.search(wrong) and waited < PERMISSION_FACTOR * patience
        if not patience or (number >= ATTEMPTS and not refused):
            raise DeploymentError(f"{what} does not respond as expected: {wrong}")
        number += 1
        time.sleep(patience / 6)
    print(f"deploy: {what} responds as expected", flush=True)


def _smoke(url: str, model: tuple[str, str], token: str | None, patience: float) -> str | None:
    name, version = model
    options = [f"--version={version}", f"--wait={patience}"]
    done = subprocess.run(
        [sys.executable, "-m", "scripts.deploy.smoke", url, *options],
        cwd=ROOT,
        env={**os.environ, "BACKEND_MODEL": name, **({"ID_TOKEN": token} if token else {})},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.stderr.strip() or f"exit {done.returncode}" if done.returncode else None


def _page(url: str) -> str | None:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=60) as answer:  # noqa: S310 (from Terraform)
            body = answer.read(100).decode(errors="replace").strip()
    except (OSError, urllib.error.URLError) as error:
        return str(error)
    return None if body == "ok" else f"/_stcore/health responds {body!r}"
