"""Check a deployment: the results for DoubleIt, the metadata for any other model.

python -m scripts.deploy.smoke URL [--model NAME] [--id-token TOKEN]

Works with every server of the inference API: `make serve`, Compose, Cloud Run.
"""

import sys
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

import requests
import typer

from server.client import is_loopback

DOUBLEIT = "doubleit"
TIMEOUT_SECONDS = 10.0
POLL_SECONDS = 0.25
NOT_LET_IN = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


# Method, path, body, and the expected status and beginning of the response.
Check = tuple[str, str, str | None, int, str]


class SmokeError(Exception):
    """A response that is not the expected one; the message contains both.

    Attributes:
        status: the response's status; 0 if there was no response.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        """Take a message of one line with the request, the expected and the actual response."""
        super().__init__(message)
        self.status = status


@dataclass
class Deployment:
    """The deployment to check.

    Attributes:
        url: the inference API's URL.
        model: the model to request.
        version: the version that must be ready.
        id_token: an identity token, or empty.
    """

    url: str
    model: str
    version: str
    id_token: str = ""

    def _send(self, method: str, path: str, body: str | None) -> requests.Response:
        headers = {"Content-Type": "application/json"}
        if self.id_token:
            headers["Authorization"] = f"Bearer {self.id_token}"
        url = f"{self.url.rstrip('/')}/predictions/{self.model}{path}"
        with requests.Session() as session:
            # Do not use a proxy for loopback.
            session.trust_env = not is_loopback(self.url)
            try:
                return session.request(
                    method,
                    url,
                    data=body,
                    headers=headers,
                    timeout=TIMEOUT_SECONDS,
                    allow_redirects=False,
                )
            except requests.RequestException as error:
                raise SmokeError(f"{url}: {error}") from None

    def expect(self, method: str, path: str, body: str | None, status: int, text: str) -> None:
        """Send one request, and compare the response's status and the beginning of its body.

        Raises:
            SmokeError: the status or the body differs, or there was no response.
        """
        answer = self._send(method, path, body)
        if answer.status_code != status or not answer.text.startswith(text):
            sent = f"{method} {answer.url}" + (f" with {body}" if body else "")
            got = f"{answer.status_code} {' '.join(answer.text.split())[:200]}"
            raise SmokeError(f"{sent}: expected {status} {text}, got {got}", answer.status_code)

    def requests(self) -> dict[str, Check]:
        """Return the arguments of `expect` for each check, by its name."""
        name, version = self.model, self.version
        ready = f'{{"name":"{name}","version":"{version}","ready":true}}'
        metadata = f'{{"name":"{name}","versions":["{version}"]'
        wrong = '{"code":400,"type":"InvalidInput","message":"Expected a number, got str - at $[1]"'
        loaded: dict[str, Check] = {"ready": ("GET", f"/{version}/ready", None, 200, ready)}
        if name != DOUBLEIT:  # the results of other models are unknown
            return loaded | {"metadata": ("GET", f"/{version}/metadata", None, 200, metadata)}
        return loaded | {
            "prediction": ("POST", "", "[1, 2.5]", 200, "[2.0,5.0]"),
            # 2^53 + 1, which float64 cannot represent.
            "exact_integer": ("POST", "", "[9007199254740993]", 200, "[18014398509481986]"),
            "error": ("POST", "", '[1, "2"]', 400, wrong),
        }


def check(server: Deployment, wait: float) -> None:
    """Check a deployment, after it has become ready: a request may start the server.

    Args:
        server: the deployment.
        wait: seconds that it may take to become ready.

    Raises:
        SmokeError: the first wrong response, or the last one to the readiness check. If that is 401
            or 403, the error is raised at once.
    """
    deadline, requests = time.monotonic() + wait, server.requests()
    while True:
        try:
            server.expect(*requests["ready"])
        except SmokeError as last:
            if last.status in NOT_LET_IN or time.monotonic() > deadline:
                raise
        else:
            break
        time.sleep(POLL_SECONDS)
    for name, request in requests.items():
        started = time.monotonic()
        server.expect(*request)
        print(f"ok  {name:15} {1000 * (time.monotonic() - started):5.0f} ms", flush=True)


def main(
    url: Annotated[str, typer.Argument(help="the inference API, such as http://127.0.0.1:8080")],
    model: Annotated[str, typer.Option(envvar="BACKEND_MODEL", help="the model's name")] = DOUBLEIT,
    id_token: Annotated[
        str,
        typer.Option(envvar="ID_TOKEN", help="identity token, for a deployment that requires one"),
    ] = "",
    version: Annotated[str, typer.Option(help="the version that has to be ready")] = "1.0",
    wait: Annotated[float, typer.Option(help="seconds until it has to be ready")] = 60.0,
) -> None:
    """Send a few requests to a deployment; exit 1 at the first wrong response."""
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise typer.BadParameter(f"{url!r} is not a URL such as http://127.0.0.1:8080")
    if id_token and address.scheme == "http" and not is_loopback(url):
        raise typer.BadParameter("an identity token is sent over https:// only")
    try:
        check(Deployment(url, model or DOUBLEIT, version, id_token), wait)
    except SmokeError as failure:
        sys.exit(f"smoke: {failure}")


if __name__ == "__main__":
    typer.run(main)
