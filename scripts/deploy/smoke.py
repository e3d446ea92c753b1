"""Check a deployment: the results for DoubleIt, the metadata for any other model.

python -m scripts.deploy.smoke URL [--model NAME] [--id-token TOKEN]

Works with every server of the inference API: `make serve`, Compose, Cloud Run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

import requests
import typer

DOUBLEIT = "doubleit"
TIMEOUT_SECONDS = 10.0
POLL_SECONDS = 0.25
NOT_LET_IN = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


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
            session.trust_env = not is_loopback(urlsplit(self.url).hostname or "")
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

    def expect(
        self, method: str, path: str, body: str | None, status: int, text: str
    ) -> requests.Response:
        """Send one request, and compare the response's status and the beginning of its body.

        Raises:
            SmokeError: the status or the body differs, or there was no response.
        """
        answer = self._send(method, path, body)
        if answer.status_code != status or not answer.text.startswith(text):
            sent = f"{method} {answer.url}" + (f" with {body}" if body else "")
            raise SmokeError(
                f"{sent}: expected {status} {text}, got {answer.status_code} {_short(answer.text)}",
                answer.status_code,
            )
        return answer


def _short(text: str) -> str:
    return " ".join(text.split())[:200]


def is_loopback(host: str) -> bool:
    """Return whether a host name or address is loopback."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def ready(server: Deployment) -> None:
    """Check that the version is loaded and its worker responds."""
    text = f'{{"name":"{server.model}","version":"{server.version}","ready":true}}'
    server.expect("GET", f"/{server.version}/ready", None, HTTPStatus.OK, text)


def prediction(server: Deployment) -> None:
    """Check that a list is doubled, as float64 if it contains a fraction."""
    server.expect("POST", "", "[1, 2.5]", HTTPStatus.OK, "[2.0,5.0]")


def exact_integer(server: Deployment) -> None:
    """Check that 2^53 + 1, which float64 cannot represent, is doubled exactly."""
    server.expect("POST", "", "[9007199254740993]", HTTPStatus.OK, "[18014398509481986]")


def error(server: Deployment) -> None:
    """Check that a string among the numbers is an error that contains its position."""
    text = '{"code":400,"type":"InvalidInput","message":"Expected a number, got str - at $[1]"'
    server.expect("POST", "", '[1, "2"]', HTTPStatus.BAD_REQUEST, text)


def metadata(server: Deployment) -> None:
    """Check that the metadata is the model's and the version's."""
    text = f'{{"name":"{server.model}","versions":["{server.version}"]'
    server.expect("GET", f"/{server.version}/metadata", None, HTTPStatus.OK, text)


def check(server: Deployment, wait: float) -> None:
    """Check a deployment, after it has become ready: a request may start the server.

    Args:
        server: the deployment.
        wait: seconds that it may take to become ready.

    Raises:
        SmokeError: the first wrong response, or the last one to the readiness check. If that is 401
            or 403, the error is raised at once.
    """
    deadline = time.monotonic() + wait
    while True:
        try:
            ready(server)
        except SmokeError as last:
            if last.status in NOT_LET_IN or time.monotonic() > deadline:
                raise
        else:
            break
        time.sleep(POLL_SECONDS)
    # The results of other models are unknown.
    doubleit: list[Callable[[Deployment], None]] = [ready, prediction, exact_integer, error]
    for step in doubleit if server.model == DOUBLEIT else [ready, metadata]:
        started = time.monotonic()
        step(server)
        print(f"ok  {step.__name__:15} {1000 * (time.monotonic() - started):5.0f} ms", flush=True)


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
    if id_token and address.scheme == "http" and not is_loopback(address.hostname):
        raise typer.BadParameter("an identity token is sent over https:// only")
    try:
        check(Deployment(url, model or DOUBLEIT, version, id_token), wait)
    except SmokeError as failure:
        sys.exit(f"smoke: {failure}")


if __name__ == "__main__":
    typer.run(main)
