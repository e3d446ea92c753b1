"""Deploy two images to an environment: test, shift the traffic, test again; on failure, roll back.

    python -m scripts.deploy dev|prod

The new revisions start without traffic and are tested at their own URLs. Then they get all
requests, and the public URLs are tested. If that fails, the previous revisions serve again.
Terraform (iac.sh) makes every change, so its state always describes what runs.

The environment variables BACKEND_IMAGE and FRONTEND_IMAGE name the images by digest. iac.sh reads
its settings from the environment too.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from scripts.deploy import checks
from scripts.deploy.environment import DeploymentError, Environment, Name, Service


def deploy(environment: Environment, patience: float = checks.PATIENCE_SECONDS) -> None:
    """Deploy; on failure, keep or restore the previous revisions.

    Args:
        environment: the environment to deploy to.
        patience: seconds that the API may take to become ready; 0 to try once.

    Raises:
        DeploymentError: the new revisions failed a check; the message names the revisions that
            serve instead.
    """
    stable = {
        name: service.serving_revision
        for name, service in environment.services().items()
        if service.serving_revision
    }
    _say(f"{environment.name} serves {', '.join(stable.values()) or 'nothing yet'}")
    environment.apply(stable, percent=0)
    try:
        checks.check(environment.services(), canary=True, patience=patience)
    except DeploymentError as error:
        raise DeploymentError(f"{error}. {_unchanged(stable)}") from error
    if not stable:
        return
    _say("the new revisions respond correctly: they get all requests")
    try:
        environment.apply(stable, percent=100)
        checks.check(environment.services(), canary=False, patience=patience)
    except (DeploymentError, KeyboardInterrupt) as error:
        reason = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
        raise DeploymentError(f"{reason}. {_roll_back(environment, stable, patience)}") from error


def _unchanged(stable: dict[str, str]) -> str:
    if stable:
        return f"The new revisions got no requests: {', '.join(stable.values())} still serve"
    return "This was the first deployment, so there is no earlier revision to roll back to"


def _roll_back(environment: Environment, stable: dict[str, str], patience: float) -> str:
    revisions = ", ".join(stable.values())
    _say(f"rolling back to {revisions}")
    try:
        environment.apply(stable, percent=0)
        checks.check(environment.services(), canary=False, patience=patience)
    except DeploymentError as error:
        variables = " ".join(
            f"TF_VAR_{name}_stable_revision={revisions}" for name, revisions in stable.items()
        )
        name = environment.name
        return (
            f"THE ROLLBACK FAILED TOO: {error}. Run by hand: "
            f"export {variables}; make plan ENV={name} && make apply ENV={name}"
        )
    return f"Rolled back: {revisions} serve again"


def _superseded() -> bool:
    """Return whether a workflow deploys a commit of a branch that has a newer one.

    Each commit has its own run, and an older one may reach its deployment last.
    """
    if os.environ.get("GITHUB_REF_TYPE") != "branch":
        return False
    path = f"repos/{os.environ['GITHUB_REPOSITORY']}/commits/{os.environ['GITHUB_REF_NAME']}"
    command = ["gh", "api", path, "--jq", ".sha"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"deploy: cannot look up the newest commit: {done.stderr.strip()}")
    return done.stdout.strip() != os.environ["GITHUB_SHA"]


def _check_provenance(images: Sequence[str]) -> None:
    """Exit unless deploy.yml built and tested the images on main, from the commit of this run."""
    repository = os.environ["GITHUB_REPOSITORY"]
    claims = [
        f"--repo={repository}",
        f"--signer-workflow={repository}/.github/workflows/deploy.yml",
        "--source-ref=refs/heads/main",
        f"--source-digest={os.environ['GITHUB_SHA']}",
        "--deny-self-hosted-runners",
    ]
    for image in images:
        command = ["gh", "attestation", "verify", f"oci://{image}", *claims]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"deploy: no valid provenance of {image}: {done.stderr.strip()}")
    _say("the images' provenance is signed and names this commit")


def _summarize(environment: str, outcome: str, services: dict[str, Service]) -> None:
    """Print the outcome; in a workflow, also add it to the run's page and set the output `url`."""
    text = f"## {environment}: {outcome}\n\n| | address | serves | image |\n|---|---|---|---|\n"
    for name, service in services.items():
        image = os.environ[f"{name.upper()}_IMAGE"]
        text += f"| {name} | {service.url} | `{service.serving_revision}` | `{image}` |\n"
    print(text, flush=True)
    url = services["frontend"].url
    outputs = {"GITHUB_STEP_SUMMARY": text, "GITHUB_OUTPUT": f"url={url}\n" if url else ""}
    for variable, lines in outputs.items():
        if path := os.environ.get(variable):
            with Path(path).open("a") as file:
                file.write(lines)


def _say(text: str) -> None:
    print(f"deploy: {text}", flush=True)


def main(
    environment: Annotated[Name, typer.Argument(help="the environment to deploy to")],
    patience: Annotated[
        float, typer.Option(min=0, help="seconds that the API may take to be ready; 0: try once")
    ] = checks.PATIENCE_SECONDS,
) -> None:
    """Deploy BACKEND_IMAGE and FRONTEND_IMAGE; on failure, keep or restore the previous ones."""
    for name in ("BACKEND_IMAGE", "FRONTEND_IMAGE"):
        if "@sha256:" not in os.environ.get(name, ""):
            sys.exit(f"deploy: {name} is not an image by digest: {os.environ.get(name, '')!r}")
    if _superseded():
        _say("skipped: the branch has a newer commit, whose run deploys")
        return
    if os.environ.get("ATTESTATIONS") == "true":
        _check_provenance([os.environ["BACKEND_IMAGE"], os.environ["FRONTEND_IMAGE"]])
    target = Environment(environment)
    try:
        deploy(target, patience)
    except DeploymentError as error:
        outcome = f"failed: {error}"
    else:
        outcome = "deployed"
    try:
        _summarize(target.name, outcome, target.services())
    except DeploymentError as error:
        _say(f"no summary: {error}")
    if outcome != "deployed":
        sys.exit(f"deploy: {outcome}")


if __name__ == "__main__":
    typer.run(main)
