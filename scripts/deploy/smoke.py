"""Check that a deployment answers: DoubleIt's known answers, any other model's metadata.

python -m scripts.deploy.smoke URL [--model NAME] [--id-token TOKEN]

Works against anything that serves the inference API: `make serve`, compose, Cloud Run.
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
    """An answer that is not the expected one; the message holds both.

    Attributes:
        status: the answer's; 0 where nothing answered.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        """Take one line that says what was asked, expected and answered."""
        super().__init__(message)
        self.status = status


@dataclass
class Deployment:
    """What is asked.

    Attributes:
        url: the inference API's address.
        model: the model that is asked for.
        version: the version that has to be ready.
        headers: sent with each request.
    """

    url: str
    model: str
    version: str
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: str | None = None) -> requests.Response:
        """Send one request.

        Raises:
            SmokeError: nothing answered.
        """
        headers = {"Content-Type": "application/json", **self.headers}
        url = f"{self.url.rstrip('/')}/predictions/{self.model}{path}"
        with requests.Session() as session:
            # No proxy stands between this machine and its own loopback.
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
        """Send one request and compare the answer's status and beginning.

        Raises:
            SmokeError: another status or another text.
        """
        answer = self.ask(method, path, body)
        if answer.status_code != status or not answer.text.startswith(text):
            sent = f"{method} {answer.url}" + (f" with {body}" if body else "")
            got = " ".join(answer.text.split())[:200]
            raise SmokeError(
                f"{sent}: expected {status} {text}, got {answer.status_code} {got}",
                answer.status_code,
            )


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine, by name or address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def ready(server: Deployment) -> None:
    """The version is loaded and its worker answers."""
    text = f'{{"name":"{server.model}","version":"{server.version}","ready":true}}'
    server.expect("GET", f"/{server.version}/ready", None, HTTPStatus.OK, text)


def prediction(server: Deployment) -> None:
    """A list is doubled; a fraction makes it float64."""
    server.expect("POST", "", "[1, 2.5]", HTTPStatus.OK, "[2.0,5.0]")


def exact_integer(server: Deployment) -> None:
    """2^53 + 1, which float64 cannot hold, is doubled exactly."""
    server.expect("POST", "", "[9007199254740993]", HTTPStatus.OK, "[18014398509481986]")


def error(server: Deployment) -> None:
    """A text among the numbers is refused, and the answer says where it is."""
    text = '{"code":400,"type":"InvalidInput","message":"Expected a number, got str - at $[1]"'
    server.expect("POST", "", '[1, "2"]', HTTPStatus.BAD_REQUEST, text)


def metadata(server: Deployment) -> None:
    """The metadata names the model, its version, inputs and outputs."""
    answer = server.ask("GET", f"/{server.version}/metadata")
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
# What a model answers is known to who made it; that it can be asked, and how, to every server.
CHECKS: list[Check] = [ready, metadata]


def wait_ready(server: Deployment, seconds: float) -> None:
    """Ask until the server is ready: it may be starting, or be started by the question.

    Raises:
        SmokeError: it was not within `seconds`; says what the last answer was. At once where the
            deployment does not let the caller in: that does not get better.
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
    model: Annotated[str, typer.Option(envvar="BACKEND_MODEL", help="its name")] = DOUBLEIT,
    id_token: Annotated[
        str, typer.Option(envvar="ID_TOKEN", help="identity token for a deployment that asks one")
    ] = "",
    version: Annotated[str, typer.Option(help="the version that has to be ready")] = "1.0",
    wait: Annotated[float, typer.Option(help="seconds until it has to be ready")] = 60.0,
) -> None:
    """Ask a deployment a few questions; exit 1 at the first wrong answer."""
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise typer.BadParameter(f"{url!r}: an address is like http://127.0.0.1:8080")
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
