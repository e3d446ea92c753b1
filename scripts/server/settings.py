"""Where the server listens and works, from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from scripts.store.paths import MODEL_STORE, ROOT

CONFIG = ROOT / "config.properties"

# Every variable that config.properties names, with its default.
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


class SettingsError(Exception):
    """A setting that the server cannot start with."""


class Settings(NamedTuple):
    """What one server runs with.

    Attributes:
        variables: the variables of config.properties.
        model_store: the folder of archives.
        model: the model's name in addresses.
        version: the version that is the default when nothing else was rolled out.
    """

    variables: Mapping[str, str]
    model_store: Path
    model: str
    version: str

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


def read(model: str, version: str, environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings for a server of `model`.

    Raises:
        SettingsError: a port is no port, or two are the same.
    """
    variables = {name: environment.get(name) or value for name, value in DEFAULTS.items()}
    # Vertex AI's name for the port that it sends requests to.
    variables["PORT"] = environment.get("AIP_HTTP_PORT") or variables["PORT"]
    for name in PORTS:
        if not (variables[name].isdecimal() and 0 < int(variables[name]) < 65536):  # noqa: PLR2004
            raise SettingsError(f"{name}={variables[name]} is not a port")
    for i, name in enumerate(PORTS):
        for other in PORTS[:i]:
            if int(variables[name]) == int(variables[other]):
                raise SettingsError(f"{name} and {other} are both {variables[name]}")
    store = Path(environment.get("MODEL_STORE") or MODEL_STORE).resolve()
    return Settings(variables, store, model, version)
