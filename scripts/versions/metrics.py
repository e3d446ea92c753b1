"""How many requests each version got, from TorchServe's Prometheus metrics."""

from __future__ import annotations

import requests
from prometheus_client.parser import text_string_to_metric_families

from scripts.versions.client import Server

COUNTER = "ts_inference_requests_total"
# What TorchServe writes where the address named no version, whichever was the default then.
UNVERSIONED = "default"
TIMEOUT = 5.0


def requests_by_version(server: Server) -> dict[str, int] | None:
    """Return the requests since the server started; None where the metrics API does not answer.

    Each request counts under the version that its address named, readiness probes included, and
    under UNVERSIONED where it named none.
    """
    with requests.Session() as session:
        session.trust_env = False
        try:
            answer = session.get(f"{server.metrics}/metrics", timeout=TIMEOUT)
            answer.raise_for_status()
            families = list(text_string_to_metric_families(answer.text))
        except (requests.RequestException, ValueError):
            return None
    return {
        sample.labels["model_version"]: int(sample.value)
        for family in families
        for sample in family.samples
        if sample.name == COUNTER and sample.labels["model_name"] == server.model
    }
