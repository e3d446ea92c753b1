"""The page's settings, read from the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

DEFAULT_MODEL = "doubleit"
DEFAULT_URL = "http://127.0.0.1:8080"
# Ten sessions of this size at once fit into 512 MiB (docs/page.md has the figures).
DEFAULT_MAX_NUMBERS = 500_000
LARGEST_MAX_NUMBERS = 1_000_000
# The names of loopback.
DEFAULT_HOSTS = ("localhost", "127.0.0.1", "::1")
AUTH = ("none", "id-token")
# The largest size per number: pasted integers of seven digits and a separator, and files of float64
# in full precision.
TEXT_BYTES_PER_NUMBER = 8
FILE_BYTES_PER_NUMBER = 20

_MODEL = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.]*")
_HOST = re.compile(r"(\*\.)?[0-9a-z:._-]+", re.IGNORECASE)


class SettingsError(ValueError):
    """A variable has an unusable value; the message names it and the values that are allowed."""


@dataclass(frozen=True)
class Settings:
    """The page's settings.

    Attributes:
        url: the inference API's URL, without a slash at the end.
        model: the model's name.
        id_token: whether requests carry a Google ID token with `url` as its audience.
        poll: seconds between two checks of the server's state while nobody clicks; 0 disables
            them, for a server that scales to zero while a page stays open.
        hosts: host names under which browsers can open the page; "*." matches any subdomain, "*"
            any name.
        max_numbers: the most numbers that one click can submit.
    """

    url: str = DEFAULT_URL
    model: str = DEFAULT_MODEL
    id_token: bool = False
    poll: float = 5.0
    hosts: tuple[str, ...] = DEFAULT_HOSTS
    max_numbers: int = DEFAULT_MAX_NUMBERS

    @property
    def max_text_bytes(self) -> int:
        """The largest text in the field, in bytes."""
        return self.max_numbers * TEXT_BYTES_PER_NUMBER

    @property
    def max_file_mib(self) -> int:
        """The largest uploaded file, in MiB."""
        return max(1, round(self.max_numbers * FILE_BYTES_PER_NUMBER / 2**20))


def read(environment: Mapping[str, str]) -> Settings:
    """Read the variables BACKEND_* and UI_*; an empty variable counts as unset.

    Raises:
        SettingsError: a variable has an unusable value.
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
    model = environment.get("BACKEND_MODEL") or DEFAULT_MODEL
    if not _MODEL.fullmatch(model):
        raise SettingsError(f'BACKEND_MODEL is "{model}": a name has letters, digits, dots and "_"')
    return Settings(
        url,
        model,
        auth == "id-token",
        _seconds(environment.get("BACKEND_POLL") or "5"),
        _hosts(environment.get("UI_HOSTS") or ""),
        _max_numbers(environment.get("UI_MAX_NUMBERS") or str(DEFAULT_MAX_NUMBERS)),
    )


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


def _hosts(text: str) -> tuple[str, ...]:
    named = [host.strip() for host in text.split(",") if host.strip()]
    for host in named:
        if host != "*" and not _HOST.fullmatch(host):
            raise SettingsError(
                f'UI_HOSTS is "{text}": it has to be names like page.example.com,*.run.app'
            )
    return (*DEFAULT_HOSTS, *named)


def _max_numbers(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= LARGEST_MAX_NUMBERS:
        raise SettingsError(
            f'UI_MAX_NUMBERS is "{text}": it has to be 1 to {LARGEST_MAX_NUMBERS:,}'
        )
    return int(text)
