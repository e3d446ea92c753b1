"""How many requests each version got, from TorchServe's Prometheus metrics."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from server.client import Client, ClientError

COUNTER = "ts_inference_requests_total"
# TorchServe's label for requests whose path names no version, whatever the default is.
UNVERSIONED = "default"
TIMEOUT_SECONDS = 5.0


def requests_by_version(client: Client) -> dict[str, int] | None:
    """Return the requests since the server started; None where the metrics API does not respond.

    A request counts under the version that its path names, readiness probes included, and under
    UNVERSIONED where it names none.
    """
    try:
        families = list(text_string_to_metric_families(client.metrics(TIMEOUT_SECONDS)))
    except (ClientError, ValueError):
        return None
    return {
        sample.labels["model_version"]: int(sample.value)
        for family in families
        for sample in family.samples
        if sample.name == COUNTER and sample.labels["model_name"] == client.target.model
    }
