"""Helpers for the project's images and compose file, using the `docker` command."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from server.ports import free_ports
from server.store.paths import ROOT

TAG = "test"
SERVER, PAGE = f"doubleit-torchserve:{TAG}", f"doubleit-frontend:{TAG}"
# Images from a registry, by digest, to test instead of built ones.
GIVEN = {
    image: name
    for variable, name in (("BACKEND_IMAGE", SERVER), ("FRONTEND_IMAGE", PAGE))
    if (image := os.environ.get(variable))
}
PUBLISHED = ("PORT", "UI_PORT", "MANAGEMENT_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT")


def run(
    command: Sequence[str], environment: Mapping[str, str] | None = None, seconds: float = 280
) -> subprocess.CompletedProcess[str]:
    """Run a command in the repository; any exit status is accepted."""
    # If make runs the tests, its variables must not reach the command.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**inherited, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds,
    )


def output(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """Run a command that must succeed; return its output."""
    done = run(command, environment)
    assert done.returncode == 0, (
        f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    )
    return done.stdout.strip()


def inspect(what: str) -> dict[str, Any]:
    """Return the output of `docker inspect` for an image or a container."""
    description: list[dict[str, Any]] = json.loads(output(["docker", "inspect", what]))
    return description[0]


def in_image(image: str, *command: str) -> str:
    """Run a command in a new container without a network, in the image's own environment."""
    return output(["docker", "run", "--rm", "--network", "none", image, *command])


def readable(store: Path) -> Path:
    """Return the store, made readable for the containers' user: pytest's folders are private."""
    for folder in (store, *store.parents[:2]):
        folder.chmod(0o755)
    for file in store.iterdir():
        file.chmod(0o644)
    return store


class Stack:
    """The compose project on free ports. Use as a context manager, which removes it at the end."""

    def __init__(
        self, name: str, store: Path, profiles: str = "", services: Sequence[str] = ()
    ) -> None:
        self.services = services  # those to start; by default all of the profiles
        self.command = ["docker", "compose", "--project-name", name]
        self.command += ["--file", "docker/compose.yaml"]
        self.ports = {name: int(port) for name, port in free_ports(PUBLISHED).items()}
        self.environment = {
            **{variable: str(port) for variable, port in self.ports.items()},
            "TAG": TAG,
            "COMPOSE_PROFILES": profiles,
            "MODEL_STORE": str(store),
        }
        self.url = f"http://127.0.0.1:{self.ports['PORT']}"
        self.page = f"http://127.0.0.1:{self.ports['UI_PORT']}"
        self.management = f"http://127.0.0.1:{self.ports['MANAGEMENT_PORT']}"

    def __enter__(self) -> Self:
        try:
            self.compose("up", "--detach", "--wait", *self.services)
        except AssertionError as error:
            logs = self.compose("logs")
            self.__exit__()
            raise AssertionError(f"{error}\n{logs}") from None
        return self

    def __exit__(self, *_: object) -> None:
        self.compose("down", "--volumes", "--timeout", "1")

    def compose(self, *arguments: str) -> str:
        return output([*self.command, *arguments], self.environment)

    def container(self, service: str) -> str:
        """Return the id of a service's container, running or not."""
        return self.compose("ps", "--all", "--quiet", service)

    def execute(self, service: str, *command: str) -> str:
        return self.compose("exec", "--no-TTY", service, *command)

    def python(self, service: str, code: str) -> str:
        return self.execute(service, "python", "-c", code)
