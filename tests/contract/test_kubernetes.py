"""The manifests for Kubernetes: their schemas, and a server with their settings."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from tritonclient import grpc

from server.settings import DEFAULTS
from server.store.paths import ROOT
from tests.contract.test_kserve import PYTHON
from tests.support.server import Server

FOLDER = ROOT / "docker" / "kubernetes"
DOCUMENTS: list[dict[str, Any]] = [
    document
    for path in sorted(FOLDER.glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [document["spec"] for document in DOCUMENTS if document["kind"] == kind]


(DEPLOYMENT,) = of_kind("Deployment")
(RUNTIME,) = of_kind("ClusterServingRuntime")
SERVICES = of_kind("InferenceService")
PODS = {"deployment": DEPLOYMENT["template"]["spec"], "runtime": RUNTIME}


def test_they_have_the_fields_that_kubernetes_and_kserve_know() -> None:
    if not (PYTHON.parent.parent / ".ready").exists():
        pytest.skip("KServe's client is not installed: make contract installs it into build/kserve")
    script = ROOT / "tests" / "contract" / "kubernetes_schemas.py"
    command = [str(PYTHON), str(script), *map(str, FOLDER.glob("*.yaml"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(DOCUMENTS)


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container.get("env", [])}


def test_a_pod_is_probed_and_answers(store: Path, tmp_path: Path) -> None:
    """Start a server with the variables of the pod for gRPC, which has those of all others."""
    (container,) = RUNTIME["containers"]
    models = [service["predictor"]["model"] for service in SERVICES]
    (over_grpc,) = [model for model in models if model["protocolVersion"] == "grpc-v2"]
    variables = environment(container) | environment(over_grpc)
    for other in (*models, *DEPLOYMENT["template"]["spec"]["containers"]):
        assert environment(other).items() <= variables.items()
    assert variables["MODEL_STORE"] == "/mnt/models"
    assert {**environment(container)}["MODEL_NAME"] == "{{.Name}}"
    archives = shutil.copytree(store, tmp_path / "models")
    archives.chmod(0o555)
    name, version = variables["MODEL_NAME"], variables["MODEL_VERSION"]
    own = {**variables, "MODEL_STORE": str(archives)}
    with Server(archives, tmp_path / "log", name, version, environment=own) as server:
        for each in (container, *DEPLOYMENT["template"]["spec"]["containers"]):
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                if get := each.get(probe, {}).get("httpGet"):
                    assert get["port"] in {"http", int(DEFAULTS["PORT"])}
                    url = server.url + get["path"]
                    assert requests.get(url, timeout=20).status_code == 200
        assert server.post("[1]").text == "[2]"
        with grpc.InferenceServerClient(f"127.0.0.1:{server.ports['GRPC_PORT']}") as client:
            assert client.is_model_ready(name)
    archives.chmod(0o755)


def test_only_the_ports_that_are_needed_are_open() -> None:
    opened = {"HOST": "PORT", "METRICS_HOST": "METRICS_PORT", "GRPC_HOST": "GRPC_PORT"}
    for pod in (*PODS.values(), *(service["predictor"]["model"] for service in SERVICES)):
        for container in pod.get("containers", [pod]):
            hosts = {name for name in environment(container) if name.endswith("_HOST")}
            assert hosts <= opened.keys()
            if ports := container.get("ports"):
                numbers = {port["containerPort"] for port in ports}
                assert numbers <= {int(DEFAULTS[opened[host]]) for host in {*hosts, "HOST"}}


@pytest.mark.parametrize("name", PODS)
def test_a_pod_may_do_no_more_than_it_needs(name: str) -> None:
    pod = PODS[name]
    (container,) = pod["containers"]
    context = pod.get("securityContext", {}) | container["securityContext"]
    assert context["runAsNonRoot"]
    image = (ROOT / "docker" / "torchserve.Dockerfile").read_text()
    assert re.search(rf"^USER {context['runAsUser']}:", image, re.MULTILINE)
    assert context["readOnlyRootFilesystem"]
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert not context["allowPrivilegeEscalation"]
    # The server needs no other folder to write to, and memory follows from the limit.
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]  # noqa: S108
    assert set(container["resources"]["limits"]) == {"memory"}


def test_a_pod_ends_after_the_requests_that_still_come() -> None:
    for pod in PODS.values():
        (container,) = pod["containers"]
        program, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
        assert program == "sleep"
        # Kubernetes' default, where nothing is set; the server itself takes at most 10 s.
        assert int(seconds) + 10 < pod.get("terminationGracePeriodSeconds", 30)
