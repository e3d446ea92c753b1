"""Checks of a deployment: the smoke test of the API, the health of the page."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from scripts.deploy import identity
from scripts.deploy.environment import DeploymentError, Service
from scripts.store.paths import ROOT

# How long an API may take to be ready. Google's front ends learn a new URL, and a new permission to
# call one, within a minute: hence the attempts.
PATIENCE_SECONDS = 60.0
ATTEMPTS = 3


def check(
    services: dict[str, Service], *, canary: bool, patience: float = PATIENCE_SECONDS
) -> None:
    """Test both services, at their public addresses or at their newest revisions' own.

    Raises:
        DeploymentError: one does not answer as it should, after several attempts.
    """
    backend, frontend = services["backend"], services["frontend"]
    url = _address("backend", backend, canary)
    # The audience is the service's main URL, also for a token that is sent to another of its URLs.
    token = None if backend.public else identity.id_token(str(backend.url))
    _persist(f"the API at {url}", lambda: _smoke(url, backend.model, token, patience), patience)
    url = _address("frontend", frontend, canary)
    if frontend.public:
        _persist(f"the page at {url}", lambda: _page(url), patience)
    else:
        print(f"deploy: the page at {url} is not tested: it requires a sign-in", flush=True)


def _address(name: str, service: Service, canary: bool) -> str:
    # Without a stable revision there is no canary: the newest serves everything at its one address.
    url = (service.canary_url if canary else None) or service.url
    if url is None:
        raise DeploymentError(f"Terraform has no URL for the {name}")
    return url


def _persist(what: str, attempt: Callable[[], str | None], patience: float) -> None:
    """Call `attempt` up to ATTEMPTS times; it returns what is wrong, or None."""
    attempts = ATTEMPTS if patience else 1
    for number in range(1, attempts + 1):
        wrong = attempt()
        if wrong is None:
            print(f"deploy: {what} answers", flush=True)
            return
        print(f"deploy: {what}, attempt {number} of {attempts}: {wrong}", flush=True)
        if number < attempts:
            time.sleep(patience / 6)
    raise DeploymentError(f"{what} does not answer as it should: {wrong}")


def _smoke(url: str, model: tuple[str, str], token: str | None, patience: float) -> str | None:
    name, version = model
    options = [f"--version={version}", f"--wait={patience}"]
    done = subprocess.run(
        [sys.executable, "-m", "scripts.deploy.smoke", url, *options],
        cwd=ROOT,
        env={**os.environ, "BACKEND_MODEL": name, **({"ID_TOKEN": token} if token else {})},
        check=False,
    )
    return f"the smoke test ended with {done.returncode}" if done.returncode else None


def _page(url: str) -> str | None:
    try:
        with urllib.request.urlopen(f"{url}/_stcore/health", timeout=60) as answer:  # noqa: S310 (from Terraform)
            body = answer.read(100).decode(errors="replace").strip()
    except (OSError, urllib.error.URLError) as error:
        return str(error)
    return None if body == "ok" else f"/_stcore/health responds {body!r}"
