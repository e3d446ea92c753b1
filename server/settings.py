"""The server's settings, from the environment."""

import itertools
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from server import memory
from server.client import Addresses
from server.store.paths import MODEL_STORE, ROOT

CONFIG = ROOT / "config.properties"

# Default hosts and ports. config.properties uses these variables and those of server/memory.py.
DEFAULTS = {
    "HOST": "127.0.0.1",
    "PORT": "8080",
    "MANAGEMENT_HOST": "127.0.0.1",
    "MANAGEMENT_PORT": "8081",
    "METRICS_HOST": "127.0.0.1",
    "METRICS_PORT": "8082",
    "GRPC_HOST": "127.0.0.1",
    "GRPC_PORT": "7070",
    "GRPC_MANAGEMENT_PORT": "7071",
}
# The defaults of --name and --version; MODEL_NAME may list several names, separated by commas.
MODEL_NAME = os.environ.get("MODEL_NAME") or "doubleit"
MODEL_VERSION = os.environ.get("MODEL_VERSION") or "1.0"
PORTS = tuple(name for name in DEFAULTS if name.endswith("PORT"))
# Prefixes of variables that are not passed on, and exceptions; the file explains them.
ENVIRONMENT = [
    line.split()
    for line in Path(__file__).with_name("environment.txt").read_text().splitlines()
    if line and not line.startswith("#")
]
NOT_INHERITED = tuple(prefix for prefix, *_ in ENVIRONMENT)
INHERITED = {name for _, *exceptions in ENVIRONMENT for name in exceptions}
# Kubernetes sets NAME_PORT to such a URL for each service NAME of the namespace.
SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://")

# From this size on, each block of memory is a mapping of its own. Without a fixed threshold, glibc
# raises it to 32 MiB, and Java and each worker keep the memory of their largest requests. Up to
# twice this size of free memory is kept, glibc's own ratio. With its default of 128 KiB, a worker
# would return its memory after each request of a few hundred kilobytes and fault it in again.
MMAP_BYTES = 2 << 20


class SettingsError(Exception):
    """A setting is invalid; the message says which."""


class Settings(NamedTuple):
    """The settings of one server.

    Attributes:
        variables: hosts and ports, by the names in config.properties.
        model_store: the folder of archives.
        models: the names of the models to serve, besides those that the model store has records of.
        version: the default version of each of `models` that has no record.
        memory: bytes that the server may use.
        workers: workers of each version; None to derive it from memory and cores.
    """

    variables: Mapping[str, str]
    model_store: Path
    models: tuple[str, ...]
    version: str
    memory: int = 0
    workers: int | None = None

    def port(self, name: str) -> int:
        """Return one of PORTS as a number."""
        return int(self.variables[name])

    @property
    def model(self) -> str:
        """The model for requests whose URL names none."""
        return self.models[0]

    @property
    def addresses(self) -> Addresses:
        """Where clients on this machine reach the first model."""
        urls = (
            f"http://{local(self.variables[f'{api}HOST'])}:{self.port(f'{api}PORT')}"
            for api in ("", "MANAGEMENT_", "METRICS_")
        )
        return Addresses(self.model, *urls)


def local(host: str) -> str:
    """Return the host to connect to for a server that listens on `host`."""
    return "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 (compared, not bound)


def inherited() -> dict[str, str]:
    """Return the caller's environment without the variables that would configure the programs.

    The locale is set to UTF-8, because Java and Python encode file names by it.
    """
    return {
        **{
            name: value
            for name, value in os.environ.items()
            if name in INHERITED or not name.startswith(NOT_INHERITED)
        },
        "LC_ALL": "C.UTF-8",
        "PYTHONUTF8": "1",
        "MALLOC_MMAP_THRESHOLD_": str(MMAP_BYTES),
        "MALLOC_TRIM_THRESHOLD_": str(2 * MMAP_BYTES),
    }


def read(names: str, version: str, environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings for a server of `names`, the names of models separated by commas.

    Raises:
        SettingsError: a port is invalid, two ports are equal, a host is an IPv6 address, or
            MEMORY or TS_DEFAULT_WORKERS_PER_MODEL is invalid.
    """
    environment = {
        name: value for name, value in environment.items() if not SERVICE_LINK.match(value)
    }
    variables = {name: environment.get(name) or value for name, value in DEFAULTS.items()}
    # Vertex AI's name for the port that it sends requests to.
    variables["PORT"] = environment.get("AIP_HTTP_PORT") or variables["PORT"]
    _check_addresses(variables)
    try:
        at_hand = memory.at_hand(environment)
    except ValueError as error:
        raise SettingsError(str(error)) from None
    store = Path(environment.get("MODEL_STORE") or MODEL_STORE).resolve()
    workers = environment.get("TS_DEFAULT_WORKERS_PER_MODEL")
    if workers and not _is_number(workers, 9999):
        raise SettingsError(
            f"TS_DEFAULT_WORKERS_PER_MODEL={workers} is not a number from 1 to 9999"
        )
    models = tuple(dict.fromkeys(name.strip() for name in names.split(",")))
    return Settings(variables, store, models, version, at_hand, int(workers) if workers else None)


def _check_addresses(variables: Mapping[str, str]) -> None:
    for name in PORTS:
        if not _is_number(variables[name], 65535):
            raise SettingsError(f"{name}={variables[name]} is not a port")
    for other, name in itertools.combinations(PORTS, 2):
        if int(variables[name]) == int(variables[other]):
            raise SettingsError(f"{name} and {other} are both {variables[name]}")
    for name in variables.keys() - set(PORTS):
        if ":" in variables[name]:
            raise SettingsError(
                f"{name}={variables[name]}: TorchServe cannot listen on an IPv6 address; "
                "set an IPv4 address or a host name"
            )


def _is_number(text: str, largest: int) -> bool:
    """Return whether `text` is a number from 1 to `largest`, of at most 5 digits."""
    return bool(re.fullmatch("[0-9]{1,5}", text)) and 0 < int(text) <= largest
