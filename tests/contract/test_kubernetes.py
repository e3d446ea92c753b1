"""The manifests for Kubernetes; tests/images/test_kserve.py runs the image with them."""

import re
from typing import Any

import pytest
import yaml

from server.settings import DEFAULTS
from server.store.paths import ROOT
from tests.contract.test_kserve import printed

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
PODS = (DEPLOYMENT["template"]["spec"], RUNTIME)


def test_they_have_the_fields_that_kubernetes_and_kserve_know() -> None:
    text = printed("kserve", "kubernetes_schemas.py", *FOLDER.glob("*.yaml"))
    assert len(text.splitlines()) == len(DOCUMENTS)


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container.get("env", [])}


def test_only_the_ports_that_are_needed_are_open() -> None:
    opened = {"HOST": "PORT", "METRICS_HOST": "METRICS_PORT", "GRPC_HOST": "GRPC_PORT"}
    for pod in (*PODS, *(service["predictor"]["model"] for service in SERVICES)):
        for container in pod.get("containers", [pod]):
            hosts = {name for name in environment(container) if name.endswith("_HOST")}
            assert hosts <= opened.keys()
            if ports := container.get("ports"):
                numbers = {port["containerPort"] for port in ports}
                assert numbers <= {int(DEFAULTS[opened[host]]) for host in {*hosts, "HOST"}}


@pytest.mark.parametrize("pod", PODS, ids=["deployment", "runtime"])
def test_a_pod_may_do_no_more_than_it_needs(pod: dict[str, Any]) -> None:
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
    for pod in PODS:
        (container,) = pod["containers"]
        program, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
        assert program == "sleep"
        # Kubernetes' default, where nothing is set; the server itself takes at most 10 s.
        assert int(seconds) + 10 < pod.get("terminationGracePeriodSeconds", 30)
