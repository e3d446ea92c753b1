"""An environment on Google Cloud, read and changed through scripts/deploy/iac.sh."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from scripts.store.paths import ROOT

SERVICES = ("backend", "frontend")


class Name(StrEnum):
    """The environments."""

    DEV = "dev"
    PROD = "prod"


class DeploymentError(Exception):
    """A step failed; the message says which and why."""


@dataclass(frozen=True)
class Service:
    """What Terraform's outputs say of one service.

    Attributes:
        url: its URL; None before the first deployment.
        canary_url: the newest revision's own URL; None while no stable revision is named.
        serving: the revision that serves, which a rollback restores; None where there is none.
        latest: the newest revision that is ready.
        public: whether a caller needs no identity.
        model: the name and version of the model that the environment is for.
    """

    url: str | None
    canary_url: str | None
    serving: str | None
    latest: str | None
    public: bool
    model: tuple[str, str] = ("doubleit", "1.0")


@dataclass(frozen=True)
class Environment:
    """One environment; its images and settings come from the process's environment variables."""

    name: str

    def services(self) -> dict[str, Service]:
        """Return what runs now, by service.

        Raises:
            DeploymentError: Terraform cannot say.
        """
        try:
            outputs = json.loads(self._iac("output", capture=True))
            values = {name: output["value"] for name, output in outputs.items()}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DeploymentError(
                f"the outputs of {self.name} are not Terraform's: {error}"
            ) from error
        return {
            name: Service(
                url=values.get(f"{name}_url") or None,
                canary_url=values.get(f"{name}_canary_url") or None,
                serving=values.get(f"{name}_serving_revision") or None,
                latest=values.get(f"{name}_latest_revision") or None,
                public="allUsers" in (values.get(f"{name}_invokers") or []),
                model=(values.get("model_name", "doubleit"), values.get("model_version", "1.0")),
            )
            for name in SERVICES
        }

    def apply(self, stable: Mapping[str, str], percent: int) -> None:
        """Give the newest revisions `percent` of the requests, and the `stable` ones the rest.

        A service that is not in `stable` has nothing to fall back on: its newest serves everything.

        Raises:
            DeploymentError: the plan or its application failed.
        """
        self._iac("plan", variables=_traffic(stable, percent))
        self._iac("apply")

    def preview(self, images: Mapping[str, str]) -> str:
        """Return Terraform's plan for `images` with the traffic as it is; change and lock nothing.

        Raises:
            DeploymentError: there is no plan.
        """
        serving = {name: it.serving for name, it in self.services().items() if it.serving}
        variables = {f"{name.upper()}_IMAGE": image for name, image in images.items()}
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
