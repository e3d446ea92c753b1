"""The versions that a server has at one moment."""

from __future__ import annotations

from typing import NamedTuple

from server.client import Client, VersionInfo
from server.versions.errors import VersionsError


class Registered(NamedTuple):
    """Every version of a model, in ascending order, and the default among them."""

    default: str
    all: dict[str, VersionInfo]

    def get(self, version: str) -> VersionInfo:
        """Return one version.

        Raises:
            VersionsError: the server does not have it.
        """
        if version not in self.all:
            known = ", ".join(self.all)
            raise VersionsError(f"version {version} is not registered; the server has {known}")
        return self.all[version]


def read(client: Client) -> Registered:
    """Ask the server for its versions.

    Raises:
        ClientError: no server, or it does not have the model.
    """
    versions = client.versions()
    return Registered(client.default_version(), versions)
