"""The versions of a model that a server has at one moment, and the requests that they got."""

from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from server.client import Client, ClientError, UnknownModel, VersionInfo

COUNTER = "ts_inference_requests_total"
# TorchServe's label for requests whose path names no version, whatever the default is.
UNVERSIONED = "default"
METRICS_SECONDS = 5.0


class VersionsError(Exception):
    """An operation cannot be carried out; the message says why in one line."""


class Registered(NamedTuple):
    """Every version of a model, in ascending order, and the default among them.

    For a model that the server does not have, there are no versions, and the default is empty.
    """

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


def read(client: Client, *, or_none: bool = False) -> Registered:
    """Ask the server for its versions.

    Args:
        client: of the model.
        or_none: return no versions, instead of an error, if the server does not have the model.

    Raises:
        ClientError: no server, or it does not have the model.
    """
    try:
        versions = client.versions()
        return Registered(client.default_version(), versions)
    except UnknownModel:
        if or_none:
            return Registered("", {})
        raise


def requests_by_version(client: Client) -> dict[str, int] | None:
    """Return the requests since the server started; None where the metrics API does not respond.

    A request counts under the version that its path names, readiness probes included, and under
    UNVERSIONED where it names none.
    """
    try:
        families = list(text_string_to_metric_families(client.metrics(METRICS_SECONDS)))
    except (ClientError, ValueError):
        return None
    return {
        sample.labels["model_version"]: int(sample.value)
        for family in families
        for sample in family.samples
        if sample.name == COUNTER and sample.labels["model_name"] == client.target.model
    }
