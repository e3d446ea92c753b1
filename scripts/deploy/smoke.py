"""Check a deployment: the results for DoubleIt, the metadata for any other model.

python -m scripts.deploy.smoke URL [--model NAME] [--id-token TOKEN]

Works with every server of the inference API: `make serve`, Compose, Cloud Run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
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
        headers: additional headers of each request.
    """

    url: str
    model: str
    version: str
    headers: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, body: str | None = None) -> requests.Response:
        """Send one request.

        Raises:
            SmokeError: there was no response.
        """
        headers = {"Content-Type": "application/json", **self.headers}
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

    def expect(self, method: str, path: str, body: str | None, status: int, text: str) -> None:
        """Send one request, and compare the response's status and the beginning of its body.

        Raises:
            SmokeError: the status or the body differs.
        """
        answer = self.send(method, path, body)
        if answer.status_code != status or not answer.text.startswith(text):
            sent = f"{method} {answer.url}" + (f" with {body}" if body else "")
            got = " ".join(answer.text.split())[:200]
            raise SmokeError(
                f"{sent}: expected {status} {text}, got {answer.status_code} {got}",
                answer.status_code,
            )


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
    """Check that the metadata contains the model's name, version, inputs and outputs."""
    answer = server.send("GET", f"/{server.version}/metadata")
    got = " ".join(answer.text.split())[:200]
    try:
        found = answer.json()
        complete = bool(found["inputs"]) and bool(found["outputs"])
        named = (found["name"], found["versions"]) == (server.model, [server.version])
    except (ValueError, LookupError, TypeError):
        complete = named = False
    if answer.status_code != HTTPStatus.OK or not complete or not named:
        raise SmokeError(
            f"GET {answer.url}: expected 200 and metadata of {server.model} {server.version}, "
            f"got {answer.status_code} {got}",
            answer.status_code,
        )


Check = Callable[[Deployment], None]
DOUBLEIT_CHECKS: list[Check] = [ready, prediction, exact_integer, error]
# For other models, whose results are unknown.
CHECKS: list[Check] = [ready, metadata]


def wait_ready(server: Deployment, seconds: float) -> None:
    """Repeat the readiness check until it passes, because a request may start the server.

    Raises:
        SmokeError: the server was not ready within `seconds`; the message contains the last
            response. If the response is 401 or 403, the error is raised at once.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ready(server)
        except SmokeError as last:
            if last.status in NOT_LET_IN or time.monotonic() > deadline:
                raise
        time.sleep(POLL_SECONDS)


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
    headers = {"Authorization": f"Bearer {id_token}"} if id_token else {}
    server = Deployment(url, model or DOUBLEIT, version, headers)
    try:
        wait_ready(server, wait)
        for check in DOUBLEIT_CHECKS if server.model == DOUBLEIT else CHECKS:
            started = time.monotonic()
            check(server)
            print(f"ok  {check.__name__:15} {1000 * (time.monotonic() - started):5.0f} ms")
    except SmokeError as failure:
        sys.exit(f"smoke: {failure}")


def run() -> None:
    """Run the command line."""
    typer.run(main)


if __name__ == "__main__":
    run()
