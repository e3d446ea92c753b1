"""The server's image, run as KServe runs it, and asked by KServe's clients."""

from pathlib import Path

import pytest
import requests

from server.ports import free_ports
from tests.contract.test_kserve import ask
from tests.contract.test_kubernetes import DEPLOYMENT, RUNTIME, SERVICES, environment
from tests.support.containers import SERVER, output, readable, run
from tests.support.wait import wait_until

LOOPBACK = "127.0.0.1"


def responds(url: str) -> bool:
    try:
        return requests.get(url, timeout=20).status_code == 200
    except requests.ConnectionError:
        return False


@pytest.mark.usefixtures("images")
def test_the_image_serves_as_a_runtime_of_kserve(store: Path) -> None:
    (container,) = RUNTIME["containers"]
    (deployed,) = DEPLOYMENT["template"]["spec"]["containers"]
    models = [service["predictor"]["model"] for service in SERVICES]
    # The service over gRPC has the variables of all others.
    (over_grpc,) = [model for model in models if model["protocolVersion"] == "grpc-v2"]
    variables = environment(container) | environment(over_grpc)
    for other in (*models, deployed):
        assert environment(other).items() <= variables.items()
    ports = free_ports()
    # The container shares the machine's network, so it listens on loopback only.
    hosts = {name: LOOPBACK for name in ("HOST", *variables) if name.endswith("HOST")}
    url, context = f"http://{LOOPBACK}:{ports['PORT']}", container["securityContext"]
    name = output(
        [
            *("docker", "run", "--detach", "--network=host", "--read-only", "--tmpfs=/tmp:exec"),
            *("--cap-drop=ALL", "--security-opt=no-new-privileges"),
            f"--user={context['runAsUser']}",
            f"--memory={container['resources']['limits']['memory'].removesuffix('i')}",
            f"--volume={readable(store)}:{variables['MODEL_STORE']}:ro",
            *(f"--env={key}={value}" for key, value in {**variables, **ports, **hosts}.items()),
            SERVER,
        ]
    )
    try:
        path = container["readinessProbe"]["httpGet"]["path"]
        wait_until(lambda: responds(url + path), "a ready container", 120)
        for each in (container, deployed):
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                if get := each.get(probe, {}).get("httpGet"):
                    assert responds(url + get["path"])
        assert ask(url, ports)["ready"] == [True] * 4
    finally:
        run(["docker", "rm", "--force", name])
