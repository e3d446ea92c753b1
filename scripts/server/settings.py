"""Where the server listens and works, from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from scripts.server import memory
from scripts.store.paths import MODEL_STORE, ROOT

CONFIG = ROOT / "config.properties"

# Where the server listens, with the defaults. config.properties names these variables, and the ones
# of scripts/server/memory.py.
DEFAULTS = {
    "HOST": "127.0.0.1",
    "PORT": "8080",
    "MANAGEMENT_HOST": "127.0.0.1",
    "MANAGEMENT_PORT": "8081",
    "METRICS_HOST": "127.0.0.1",
    "METRICS_PORT": "8082",
    "GRPC_PORT": "7070",
    "GRPC_MANAGEMENT_PORT": "7071",
}
# What is served where the command line does not say.
MODEL_NAME = os.environ.get("MODEL_NAME") or "doubleit"
MODEL_VERSION = os.environ.get("MODEL_VERSION") or "1.0"
PORTS = tuple(name for name in DEFAULTS if name.endswith("PORT"))
# How many requests of the largest size are held at once.
FULL_SIZE_REQUESTS = 32
HOSTS = tuple(name for name in DEFAULTS if name.endswith("HOST"))
# Of TorchServe's own variables, the ones that whoever starts the server may set.
TORCHSERVE = ("TS_DEFAULT_WORKERS_PER_MODEL",)
# What TorchServe and the Java runtime read besides TS_ variables.
NOT_INHERITED = (
    *("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"),
    *("LOG_LOCATION", "METRICS_LOCATION", "SM_TELEMETRY_LOG"),
)


class SettingsError(Exception):
    """A setting that the server cannot start with."""


class Settings(NamedTuple):
    """What one server runs with.

    Attributes:
        variables: where it listens, as variables of config.properties.
        model_store: the folder of archives.
        model: the model's name in addresses.
        version: the version that is the default when nothing else was rolled out.
        memory: bytes that the server may use.
        workers: of each version; None where memory and processors decide.
        full_size_requests: how many requests of the largest size are held at once.
    """

    variables: Mapping[str, str]
    model_store: Path
    model: str
    version: str
    memory: int = 0
    workers: int | None = None
    full_size_requests: int = FULL_SIZE_REQUESTS

    def port(self, name: str) -> int:
        """Return one of PORTS as a number."""
        return int(self.variables[name])

    @property
    def inference(self) -> str:
        """The inference API's address as a client on this machine reaches it."""
        return self._url("")

    @property
    def management(self) -> str:
        """The management API's address as a client on this machine reaches it."""
        return self._url("MANAGEMENT_")

    @property
    def metrics(self) -> str:
        """The metrics API's address as a client on this machine reaches it."""
        return self._url("METRICS_")

    def _url(self, prefix: str) -> str:
        return f"http://{local(self.variables[f'{prefix}HOST'])}:{self.port(f'{prefix}PORT')}"


def local(host: str) -> str:
    """Return the address to connect to for one that a server listens on."""
    return "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 (compared, not bound)


def inherited(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the caller's environment without what would configure TorchServe behind our back.

    TorchServe takes variables before its configuration file, and one of them opens a protocol that
    kills workers. The locale decides how Java and Python name files: UTF-8, whatever it is.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if name not in NOT_INHERITED and (not name.startswith("TS_") or name in TORCHSERVE)
    }
    return {**kept, "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}


def read(model: str, version: str, environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings for a server of `model`.

    Raises:
        SettingsError: a port is no port, or two are the same; a host is an IPv6 address; MEMORY,
            TS_DEFAULT_WORKERS_PER_MODEL or FULL_SIZE_REQUESTS is no size or number.
    """
    variables = {name: environment.get(name) or value for name, value in DEFAULTS.items()}
    _check_addresses(variables)
    try:
        at_hand = memory.at_hand(environment)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    store = Path(environment.get("MODEL_STORE") or MODEL_STORE).resolve()
    workers = _count("TS_DEFAULT_WORKERS_PER_MODEL", environment)
    at_once = _count("FULL_SIZE_REQUESTS", environment) or FULL_SIZE_REQUESTS
    return Settings(variables, store, model, version, at_hand, workers, at_once)


def _check_addresses(variables: Mapping[str, str]) -> None:
    for name in PORTS:
        if _number(variables[name], 65535) is None:
            raise SettingsError(f"{name}={variables[name]} is not a port")
    for i, name in enumerate(PORTS):
        for other in PORTS[:i]:
            if int(variables[name]) == int(variables[other]):
                raise SettingsError(f"{name} and {other} are both {variables[name]}")
    for name in HOSTS:
        if ":" in variables[name]:
            raise SettingsError(
                f"{name}={variables[name]}: TorchServe cannot listen on an IPv6 address; "
                "set an IPv4 address or a host name"
            )


def _count(name: str, environment: Mapping[str, str]) -> int | None:
    """Return a number of things from the environment; None where it is not set."""
    text = environment.get(name)
    if not text:
        return None
    count = _number(text, 9999)
    if count is None:
        raise SettingsError(f"{name}={text} is not a number from 1 to 9999")
    return count


def _number(text: str, largest: int) -> int | None:
    """Return a number from 1 to `largest`; None where the text is none."""
    digits = text.isascii() and text.isdecimal() and len(text) <= len(str(largest))
    return int(text) if digits and 0 < int(text) <= largest else None
