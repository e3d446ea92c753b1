"""An environment on Google Cloud, read and changed through scripts/deploy/iac.sh."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from server.store.paths import ROOT

SERVICES = ("backend", "frontend")


class Name(StrEnum):
    """An environment's name."""

    DEV = "dev"
    PROD = "prod"


class DeploymentError(Exception):
    """A step failed; the message contains the step and the reason."""


@dataclass(frozen=True)
class Service:
    """One service, as described by Terraform's output of its name.

    Attributes:
        name: the name on Cloud Run.
        url: its URL; None before the first deployment.
        canary_url: the newest revision's own URL; None while no stable revision is set.
        serving_revision: the one that a rollback restores; None before the first deployment.
        invokers: the IAM members that may invoke the service; allUsers if no token is required.
        model: the name and version of the model that the API serves.
    """

    name: str = ""
    url: str | None = None
    canary_url: str | None = None
    serving_revision: str | None = None
    invokers: tuple[str, ...] = ()
    model: tuple[str, str] = ("doubleit", "1.0")


@dataclass(frozen=True)
class Environment:
    """One environment; its images and settings come from environment variables."""

    name: str

    def services(self) -> dict[str, Service]:
        """Return the deployed services by name.

        Raises:
            DeploymentError: Terraform's outputs cannot be read.
        """
        outputs = json.loads(self._iac("output"))
        values: dict[str, Any] = {name: output["value"] for name, output in outputs.items()}
        model = tuple(values.get("model", Service.model))
        return {name: Service(**values.get(name, {}), model=model) for name in SERVICES}

    def apply(self, stable: Mapping[str, str], percent: int) -> None:
        """Give the newest revisions `percent` of the requests, and the `stable` ones the rest.

        The newest revision of a service that is not in `stable` gets all its requests.

        Raises:
            DeploymentError: plan or apply failed.
        """
        variables = {}
        for service, revision in stable.items():
            variables[f"TF_VAR_{service}_stable_revision"] = revision
            variables[f"TF_VAR_{service}_canary_percent"] = str(percent)
        self._iac("plan", variables)
        self._iac("apply")

    def _iac(self, command: str, variables: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            ["scripts/deploy/iac.sh", command, self.name],
            cwd=ROOT,
            env={**os.environ, "REQUIRE_TERRAFORM": "1", **(variables or {})},
            stdout=subprocess.PIPE if command == "output" else None,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DeploymentError(
                f"scripts/deploy/iac.sh {command} {self.name} ended with {done.returncode}"
            )
        return done.stdout or ""
