"""What the environment tells the page: where the API is, and how to reach it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

MODEL = "doubleit"
DEFAULT_URL = "http://127.0.0.1:8080"
AUTH = ("none", "id-token")


class SettingsError(ValueError):
    """A variable has a value that cannot be used; the message names it and says what can."""


@dataclass(frozen=True)
class Settings:
    """The page's settings.

    Attributes:
        url: the inference API's address, without a slash at the end.
        id_token: whether requests carry a Google ID token with `url` as its audience.
        poll: seconds between two looks at the server's state while nobody clicks; 0 is never, for
            a server that should go to sleep while a page stays open.
    """

    url: str = DEFAULT_URL
    id_token: bool = False
    poll: float = 5.0


def read(environment: Mapping[str, str]) -> Settings:
    """Read BACKEND_URL, BACKEND_AUTH and BACKEND_POLL; an empty value is an absent one.

    Raises:
        SettingsError: a value that cannot be used.
    """
    url = (environment.get("BACKEND_URL") or DEFAULT_URL).rstrip("/")
    auth = environment.get("BACKEND_AUTH") or "none"
    if auth not in AUTH:
        raise SettingsError(f'BACKEND_AUTH is "{auth}": it can be {" or ".join(AUTH)}')
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or parts.username:
        raise SettingsError(f'BACKEND_URL is "{url}": it has to be like {DEFAULT_URL}')
    if auth == "id-token" and parts.scheme != "https" and not _loopback(parts.hostname or ""):
        raise SettingsError(
            f'BACKEND_URL is "{url}": with BACKEND_AUTH=id-token it has to begin with https://, '
            "or anybody on the way could read the token"
        )
    return Settings(url, auth == "id-token", _seconds(environment.get("BACKEND_POLL") or "5"))


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 86400:  # noqa: PLR2004 (a day; also refuses NaN)
        raise SettingsError(f'BACKEND_POLL is "{text}": it has to be seconds, 0 to 86400')
    return seconds
