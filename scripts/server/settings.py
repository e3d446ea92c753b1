"""Where the server listens and works, from the environment."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent
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
SOCKET_PATH_BYTES = 107


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
    for name in PORTS:
        if not (variables[name].isdecimal() and 0 < int(variables[name]) < 65536):  # noqa: PLR2004
            raise SettingsError(f"{name}={variables[name]} is not a port")
    for i, name in enumerate(PORTS):
        for other in PORTS[:i]:
            if int(variables[name]) == int(variables[other]):
                raise SettingsError(f"{name} and {other} are both {variables[name]}")
    store = Path(environment.get("MODEL_STORE") or ROOT / "model_store").resolve()
    return Settings(variables, store, model, version)


def free_ports(names: Collection[str] = PORTS) -> dict[str, str]:
    """Return variables of these names with ports that nothing listens on, each another."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in names]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        numbers = [str(each.getsockname()[1]) for each in sockets]
    return dict(zip(names, numbers, strict=True))


def check_ports(settings: Settings) -> None:
    """Make sure that every port is free, before a server is started that could not have it.

    Raises:
        SettingsError: a port is taken; the message names it and its variable.
    """
    hosts = {
        name: settings.variables.get(name.replace("PORT", "HOST"), "127.0.0.1") for name in PORTS
    }
    for name in PORTS:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((hosts[name], settings.port(name)))
            except OSError as error:
                raise SettingsError(
                    f"cannot listen on {hosts[name]}:{settings.port(name)}: {error.strerror}; "
                    f"set {name} to another port"
                ) from None


def check_temp(temp: Path) -> None:
    """Make sure that the workers' sockets can lie in the temp folder.

    Raises:
        SettingsError: a socket's path would be longer than the 107 bytes of unix(7).
    """
    # What TorchServe calls a worker's socket, with room for its count.
    socket_path = os.fsencode(temp / ".ts.sock.99999")
    if len(socket_path) > SOCKET_PATH_BYTES:
        raise SettingsError(
            f"{temp} is too long a name for a folder of sockets; set TMPDIR to a shorter one"
        )
