"""The settings of Prometheus and Grafana, and the dashboard's queries on Debian's Prometheus.

Their images are not available on all machines, so these tests do not run them.
"""

import json
import math
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import yaml

from server.store.paths import ROOT
from tests.images.test_compose import config
from tests.support.server import Server, free_port

DOCKER = ROOT / "docker"
PANELS = json.loads((DOCKER / "grafana/dashboards/doubleit.json").read_text())["panels"]


@pytest.fixture
def prometheus(server: Server, tmp_path: Path) -> Iterator[str]:
    """Run a real Prometheus with the project's configuration, for a server of the tests."""
    settings = yaml.safe_load((DOCKER / "prometheus.yml").read_text())
    settings["global"]["scrape_interval"] = "1s"
    (job,) = settings["scrape_configs"]
    # The server's name in its network for metrics (test_compose.py).
    assert job["static_configs"] == [{"targets": ["metrics-api:8082"]}]
    job["static_configs"] = [{"targets": [urlsplit(server.metrics).netloc]}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(settings))
    port = free_port()
    options = {
        "config.file": tmp_path / "prometheus.yml",
        "storage.tsdb.path": tmp_path / "data",
        "web.listen-address": f"127.0.0.1:{port}",
    }
    with (tmp_path / "log").open("wb") as log:
        command = ["prometheus", *(f"--{name}={value}" for name, value in options.items())]
        process = subprocess.Popen(command, stdout=log, stderr=log)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(30)


def ask(prometheus: str, query: str) -> list[dict[str, Any]]:
    """Return a query's series; an empty list while Prometheus starts."""
    try:
        answer = requests.get(f"{prometheus}/api/v1/query", params={"query": query}, timeout=10)
    except requests.ConnectionError:
        return []
    series: list[dict[str, Any]] = answer.json()["data"]["result"] if answer.ok else []
    return series


@pytest.mark.skipif(not shutil.which("prometheus"), reason="Debian's package prometheus is missing")
def test_every_query_of_the_dashboard_shows_what_the_server_does(
    prometheus: str, server: Server
) -> None:
    # A server has this series only after its first 5xx response.
    targets = (target for panel in PANELS for target in panel["targets"])
    queries = [each["expr"] for each in targets if "Requests5XX" not in each["expr"]]
    # Requests do not wait while the workers are idle, so this mean may be 0 milliseconds.
    may_be_zero = {query for query in queries if "ueue" in query}
    shown: dict[str, list[float]] = {}
    deadline = time.monotonic() + 60
    while not all(shown.get(q) and (q in may_be_zero or sum(shown[q])) for q in queries):
        assert time.monotonic() < deadline, shown
        assert server.post("[1]").status_code == 200
        assert server.post("[null]").status_code == 400
        for query in queries:
            series = ask(prometheus, query.replace("$__rate_interval", "1m"))
            values = (float(each["value"][1]) for each in series)
            # The mean is NaN for a version that gets no requests any more.
            shown[query] = [value for value in values if not math.isnan(value)]
        time.sleep(0.2)
    # The label is the version in the URL, or `default` if the URL has none.
    series = ask(prometheus, "ts_inference_requests_total{model_name='doubleit'}")
    assert {each["metric"]["model_version"] for each in series} == {"default", "1.0"}


def test_the_dashboard_asks_the_data_source_that_is_provisioned() -> None:
    (source,) = yaml.safe_load(
        (DOCKER / "grafana/provisioning/datasources/prometheus.yaml").read_text()
    )["datasources"]
    for panel in PANELS:
        assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}
    services = config("monitoring")
    host = re.fullmatch(r"http://(\w+):9090", source["url"])
    assert host
    assert host[1] in services
    assert services[host[1]]["networks"] == services["grafana"]["networks"]
