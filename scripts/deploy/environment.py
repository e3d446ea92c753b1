"""An environment on Google Cloud, read and changed through scripts/deploy/iac.sh."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

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
    """One service, as described by Terraform's outputs.

    Attributes:
        url: its URL; None before the first deployment.
        canary_url: the newest revision's own URL; None while no stable revision is set.
        serving: the serving revision, which a rollback restores; None before the first deployment.
        latest: the newest ready revision.
        public: whether everybody may invoke the service without a token.
        model: the name and version of the model that the API serves.
        commit: the commit that was deployed last.
    """

    url: str | None
    canary_url: str | None
    serving: str | None
    latest: str | None
    public: bool
    model: tuple[str, str] = ("doubleit", "1.0")
    commit: str = ""


@dataclass(frozen=True)
class Environment:
    """One environment; its images and settings come from environment variables."""

    name: str

    def services(self) -> dict[str, Service]:
        """Return the deployed services by name.

        Raises:
            DeploymentError: Terraform's outputs cannot be read.
        """
        try:
            outputs = json.loads(self._iac("output", capture=True))
            values = {name: output["value"] for name, output in outputs.items()}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DeploymentError(
                f"Terraform's outputs of {self.name} cannot be read: {error}"
            ) from error
        return {
            name: Service(
                url=values.get(f"{name}_url") or None,
                canary_url=values.get(f"{name}_canary_url") or None,
                serving=values.get(f"{name}_serving_revision") or None,
                latest=values.get(f"{name}_latest_revision") or None,
                public="allUsers" in (values.get(f"{name}_invokers") or []),
                model=(values.get("model_name", "doubleit"), values.get("model_version", "1.0")),
                commit=values.get("commit") or "",
            )
            for name in SERVICES
        }

    def apply(self, stable: Mapping[str, str], percent: int) -> None:
        """Give the newest revisions `percent` of the requests, and the `stable` ones the rest.

        The newest revision of a service that is not in `stable` gets all its requests.

        Raises:
            DeploymentError: plan or apply failed.
        """
        self._iac("plan", variables=_traffic(stable, percent))
        self._iac("apply")

    def preview(self, images: Mapping[str, str]) -> str:
        """Return Terraform's plan for `images` with unchanged traffic, without locking the state.

        Raises:
            DeploymentError: plan failed.
        """
        services = self.services()
        serving = {name: it.serving for name, it in services.items() if it.serving}
        variables = {f"{name.upper()}_IMAGE": image for name, image in images.items()}
        # The label of a commit that is not deployed yet would be a change of every service.
        variables["TF_VAR_commit"] = services["backend"].commit
        variables.update(_traffic(serving, 100))
        return self._iac("plan", "-lock=false", variables=variables, capture=True)

    def _iac(
        self,
        command: str,
        *options: str,
        variables: Mapping[str, str] | None = None,
        capture: bool = False,
    ) -> str:
        done = subprocess.run(
            ["scripts/deploy/iac.sh", command, self.name, *options],
            cwd=ROOT,
            env={**os.environ, "REQUIRE_TERRAFORM": "1", **(variables or {})},
            stdout=subprocess.PIPE if capture else None,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DeploymentError(
                f"scripts/deploy/iac.sh {command} {self.name} ended with {done.returncode}"
            )
        return done.stdout if capture else ""


def _traffic(stable: Mapping[str, str], percent: int) -> dict[str, str]:
    variables = {}
    for service, revision in stable.items():
        variables[f"TF_VAR_{service}_stable_revision"] = revision
        variables[f"TF_VAR_{service}_canary_percent"] = str(percent)
    return variables
