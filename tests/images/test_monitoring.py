"""Prometheus and Grafana: their images cannot be had everywhere, so their settings are tested."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.support.containers import Stack, output, run
from tests.support.server import ROOT

DOCKER = ROOT / "docker"
DASHBOARD = DOCKER / "grafana/dashboards/doubleit.json"
# Not metrics: PromQL's own words, labels, and Grafana's variables.
WORDS = {"sum", "by", "rate", "model_name", "model_version", "__rate_interval"}


def config(*profiles: str) -> dict[str, dict[str, object]]:
    """Return the services that compose makes of the file."""
    command = ["docker", "compose", "--file", "docker/compose.yaml", "config", "--format", "json"]
    found = json.loads(output(command, {"COMPOSE_PROFILES": ",".join(profiles)}))
    services: dict[str, dict[str, object]] = found["services"]
    return services


def test_profiles_add_what_they_say() -> None:
    assert set(config()) == {"server", "page"}
    assert set(config("management")) == {"server", "page", "management"}
    assert set(config("monitoring")) == {"server", "page", "prometheus", "grafana"}


def test_foreign_images_are_pinned_and_own_ones_are_never_pulled() -> None:
    for name, service in config("management", "monitoring").items():
        image = str(service["image"])
        if image.startswith("doubleit-"):
            assert service["pull_policy"] == "never", name
        else:
            assert re.search(r":v?\d+\.\d+\.\d+$", image), image


def test_no_service_is_left_unhardened() -> None:
    for name, service in config("management", "monitoring").items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["mem_limit"], name
        assert service["pids_limit"], name


def test_every_mounted_file_is_there() -> None:
    for service in config("monitoring").values():
        for volume in service.get("volumes", []):  # type: ignore[attr-defined]
            if volume["type"] == "bind":
                assert Path(volume["source"]).exists(), volume


def test_prometheus_accepts_its_configuration() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("no promtool on this machine (Debian's package prometheus has it)")
    done = run(["promtool", "check", "config", "docker/prometheus.yml"])
    assert done.returncode == 0, done.stderr


def test_prometheus_scrapes_what_the_server_serves(stack: Stack) -> None:
    (job,) = yaml.safe_load((DOCKER / "prometheus.yml").read_text())["scrape_configs"]
    ((target,),) = (entry["targets"] for entry in job["static_configs"])
    assert "ts_inference_requests_total" in metrics(stack, target)


def metrics(stack: Stack, target: str = "metrics-api:8082") -> set[str]:
    """Return the names of the server's metrics, after a good and a bad request."""
    code = (
        "import urllib.request as r, urllib.error as e\n"
        "for body in (b'[1]', b'[null]'):\n"
        "    try: r.urlopen(r.Request('http://127.0.0.1:8080/predictions/doubleit', body,"
        " {'Content-Type': 'application/json'}))\n"
        "    except e.HTTPError: pass\n"
        f"print(r.urlopen('http://{target}/metrics').read().decode())"
    )
    return set(re.findall(r"^(?:# TYPE )?(\w+)", stack.python("server", code), re.MULTILINE)) - {""}


def test_every_metric_of_the_dashboard_exists(stack: Stack) -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    named = set(re.findall(r"[A-Za-z_]\w*", " ".join(queries))) - WORDS
    assert len(named) >= 6
    # Counted from the first 5xx answer on; TorchServe declares it in ts/configs/metrics.yaml.
    assert named - {"Requests5XX"} <= metrics(stack)


def test_the_dashboard_asks_the_data_source_that_is_provisioned() -> None:
    (source,) = yaml.safe_load(
        (DOCKER / "grafana/provisioning/datasources/prometheus.yaml").read_text()
    )["datasources"]
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}
    services = config("monitoring")
    host = re.fullmatch(r"http://(\w+):9090", source["url"])
    assert host
    assert host[1] in services
    assert services[host[1]]["networks"] == services["grafana"]["networks"]
