"""The page's settings, read from the environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

DEFAULT_MODEL = "doubleit"
DEFAULT_URL = "http://127.0.0.1:8080"
# Ten sessions of this size at once fit into 512 MiB (docs/page.md has the figures).
DEFAULT_MAX_NUMBERS = 500_000
# The names of loopback.
DEFAULT_HOSTS = ("localhost", "127.0.0.1", "::1")
# The largest size per number: pasted integers of seven digits, and files of float64 in full.
TEXT_BYTES_PER_NUMBER, FILE_BYTES_PER_NUMBER = 8, 20

_HOST = r"\s*(\*|(\*\.)?[0-9A-Za-z:._-]+)\s*"
# The default of each variable, the values that it can have, and those in words.
_VARIABLES = {
    "BACKEND_AUTH": ("none", "none|id-token", "none or id-token"),
    "BACKEND_MODEL": ("doubleit", "[0-9A-Za-z][0-9A-Za-z_.]*", 'letters, digits, dots and "_"'),
    "BACKEND_POLL": ("5", r"[0-9]{1,5}(\.[0-9]+)?", "seconds, 0 to 99999"),
    "UI_HOSTS": ("", f"({_HOST}(,{_HOST})*)?", "names like page.example.com,*.run.app"),
    "UI_MAX_NUMBERS": (str(DEFAULT_MAX_NUMBERS), "0*[1-9][0-9]{0,5}|1000000", "1 to 1,000,000"),
}


class SettingsError(ValueError):
    """A variable has an unusable value; the message names it and the values that are allowed."""


@dataclass(frozen=True)
class Settings:
    """The page's settings.

    Attributes:
        url: the inference API's URL, without a slash at the end.
        id_token: whether requests carry a Google ID token with `url` as its audience.
        poll: seconds between two checks of the server's state while nobody clicks; 0: no checks.
        hosts: host names under which browsers can open the page; "*." is any subdomain, "*" any.
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
    """Read the variables BACKEND_* and UI_* (empty: unset), or raise SettingsError."""
    url = (environment.get("BACKEND_URL") or DEFAULT_URL).rstrip("/")
    found = {}
    for name, (default, pattern, allowed) in _VARIABLES.items():
        found[name] = environment.get(name) or default
        if not re.fullmatch(pattern, found[name]):
            raise SettingsError(f'{name} is "{found[name]}": it has to be {allowed}')
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or parts.username:
        raise SettingsError(f'BACKEND_URL is "{url}": it has to be like {DEFAULT_URL}')
    auth = found["BACKEND_AUTH"] == "id-token"
    if auth and parts.scheme != "https" and parts.hostname not in DEFAULT_HOSTS:
        raise SettingsError(
            f'BACKEND_URL is "{url}": with BACKEND_AUTH=id-token it has to begin with https://, '
            "or anybody on the way could read the token"
        )
    named = [host.strip() for host in found["UI_HOSTS"].split(",") if host.strip()]
    hosts, poll, most = (*DEFAULT_HOSTS, *named), found["BACKEND_POLL"], found["UI_MAX_NUMBERS"]
    return Settings(url, found["BACKEND_MODEL"], auth, float(poll), hosts, int(most))
