"""The Compose project: it works, it is hardened, and its internal ports cannot be reached."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.containers import Stack, inspect, output, run


def config(profiles: str = "", **variables: str) -> dict[str, dict[str, Any]]:
    """Return the services of docker/compose.yaml as Compose reads them."""
    command = ["docker", "compose", "--file", "docker/compose.yaml", "config", "--format", "json"]
    found = json.loads(output(command, {"COMPOSE_PROFILES": profiles, **variables}))
    services: dict[str, dict[str, Any]] = found["services"]
    return services


def test_profiles_add_what_they_say_and_every_mounted_file_is_there() -> None:
    assert set(config()) == {"server", "page"}
    assert set(config("management")) == {"server", "page", "management"}
    monitoring = config("monitoring")
    assert set(monitoring) == {"server", "page", "prometheus", "grafana"}
    for service in monitoring.values():
        for volume in service.get("volumes", []):
            assert volume["type"] != "bind" or Path(volume["source"]).exists(), volume


def test_no_service_is_left_unhardened_and_own_images_are_never_pulled() -> None:
    expected = {
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": 256,
        "restart": "unless-stopped",
    }
    for name, service in config("management,monitoring").items():
        assert service.items() >= expected.items(), name
        assert service["mem_limit"] == service["memswap_limit"], name
        own = service["image"].startswith("doubleit-")
        assert service.get("pull_policy") == ("never" if own else None), name


def test_server_and_page_are_for_the_same_model() -> None:
    services = config(BACKEND_MODEL="square", MODEL_VERSION="2.1", UI_HOSTS="page.example.com")
    server, page = (services[name]["environment"] for name in ("server", "page"))
    assert (server["MODEL_NAME"], server["MODEL_VERSION"]) == ("square", "2.1")
    assert (page["BACKEND_MODEL"], page["UI_HOSTS"]) == ("square", "page.example.com")


def test_the_smoke_test_passes(stack: Stack) -> None:
    done = run(["make", "--no-print-directory", "smoke", f"URL={stack.url}"])
    assert done.returncode == 0, done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["ok", name] for name in ("ready", "prediction", "exact_integer", "error")
    ]


def test_the_page_responds_at_its_published_port(stack: Stack) -> None:
    assert requests.get(f"{stack.page}/_stcore/health", timeout=10).text == "ok"


@pytest.mark.parametrize("service", ["server", "page", "management"])
def test_no_process_is_root_gains_a_capability_or_writes_to_the_root_file_system(
    stack: Stack, service: str
) -> None:
    code = (
        "import glob, os, re\n"
        "found = [open(path).read() for path in glob.glob('/proc/[0-9]*/status')]\n"
        "print(*{re.search(r'Uid:\\t(\\d+)\\t(\\d+)', text).groups() for text in found})\n"
        "for folder in ('/', '/app', '/etc', '/var/tmp', '/home'):\n"
        "    try: open(f'{folder}/x', 'w')\n"
        "    except OSError as e: print(os.strerror(e.errno))"
    )
    users, *errors = stack.python(service, code).splitlines()
    assert (users, errors) == ("('10001', '10001')", ["Read-only file system"] * 5)
    status = stack.execute(service, "cat", "/proc/1/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    sets = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    assert {name: int(fields[name], 16) for name in sets} == dict.fromkeys(sets, 0)
    assert fields["NoNewPrivs"].strip() == "1"


def test_every_port_is_published_on_loopback_and_no_other(stack: Stack) -> None:
    published = {}
    for service in ("server", "page", "management"):
        ports = inspect(stack.container(service))["NetworkSettings"]["Ports"]
        published[service] = {
            (port, binding["HostIp"]) for port, found in ports.items() for binding in found or []
        }
    assert published == {
        "server": {("8080/tcp", "127.0.0.1")},
        "page": {("8501/tcp", "127.0.0.1")},
        "management": {("8081/tcp", "127.0.0.1")},
    }


def networks(stack: Stack, service: str) -> list[dict[str, Any]]:
    """Return what Docker says about a container in each of its networks."""
    return [*inspect(stack.container(service))["NetworkSettings"]["Networks"].values()]


def reached(stack: Stack, service: str, targets: list[tuple[str, int]]) -> set[tuple[str, int]]:
    """Return the targets that a service's container can connect to."""
    code = (
        "import json, socket\n"
        "from concurrent import futures\n"
        "def there(target):\n"
        "    try: socket.create_connection(target, 1).close()\n"
        "    except OSError: return False\n"
        "    return True\n"
        f"targets = {targets!r}\n"
        "with futures.ThreadPoolExecutor(len(targets)) as pool:\n"
        "    print(json.dumps([t for t, ok in zip(targets, pool.map(there, targets)) if ok]))"
    )
    return {(host, port) for host, port in json.loads(stack.python(service, code))}


def test_the_page_reaches_inference_and_nothing_else(stack: Stack) -> None:
    others = networks(stack, "server") + networks(stack, "management")
    assert len(others) == 4
    hosts = [network["IPAddress"] for network in others]
    hosts += [network["Gateway"] for network in networks(stack, "page")]
    hosts += ["management-api", "metrics-api", "management", "server"]
    internal = [(host, port) for host in hosts for port in (8081, 8082, 7070, 7071)]
    assert reached(stack, "page", [("server", 8080), *internal]) == {("server", 8080)}


def test_the_management_container_shows_that_the_way_is_there(stack: Stack) -> None:
    """The test above must not pass only because nothing listens on these ports."""
    targets = [("management-api", 8081), ("management-api", 8082), ("metrics-api", 8082)]
    assert reached(stack, "management", targets) == {("management-api", 8081)}
    answer = requests.get(f"{stack.management}/models/doubleit", timeout=10).json()
    assert len(answer[0]["workers"]) == 2
    assert reached(stack, "server", targets) == {("management-api", 8081), ("metrics-api", 8082)}
