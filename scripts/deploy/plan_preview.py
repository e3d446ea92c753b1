"""Write the changes that this checkout would make in an environment as Markdown.

    python -m scripts.deploy.plan_preview dev|prod FILE

The file becomes a comment on a pull request. The plan uses the running images and the current
traffic, so it shows only changes of the configuration. It does not lock the state, so read access
is enough.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from scripts.deploy.environment import SERVICES, DeploymentError, Environment, Name

LIMIT_CHARACTERS = 60_000  # GitHub allows 65 536 in a comment


def running_images(environment: str) -> dict[str, str]:
    """Return the image that each service runs, by digest.

    Raises:
        DeploymentError: a service does not exist or may not be read.
    """
    images = {}
    for name in SERVICES:
        service = f"doubleit-{name}-{environment}"
        command = ["gcloud", "run", "services", "describe", service]
        for option, variable in (("project", "PROJECT_ID"), ("region", "REGION")):
            if value := os.environ.get(variable):
                command.append(f"--{option}={value}")
        command.append("--format=value(spec.template.spec.containers[0].image)")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not done.stdout.strip():
            raise DeploymentError(f"cannot look up what {service} runs: {done.stderr.strip()}")
        images[name] = done.stdout.strip()
    return images


def markdown(environment: str, plan: str) -> str:
    """Return the comment: Terraform's summary line, and the plan in a collapsed section."""
    verdicts = [line for line in plan.splitlines() if line.startswith(("Plan:", "No changes."))]
    verdict = verdicts[-1] if verdicts else "Terraform printed no summary."
    if len(plan) > LIMIT_CHARACTERS:
        plan = plan[:LIMIT_CHARACTERS] + "\n[shortened]"
    return (
        f"### Terraform, {environment}\n\n{verdict}\n\n"
        f"<details><summary>Plan</summary>\n\n```\n{plan}\n```\n\n</details>\n"
    )


def main(
    environment: Annotated[Name, typer.Argument(help="the environment to plan for")],
    file: Annotated[Path, typer.Argument(help="the Markdown file to write")],
) -> None:
    """Write what this checkout would change in an environment, as Markdown."""
    try:
        plan = Environment(environment).preview(running_images(environment))
    except DeploymentError as error:
        sys.exit(f"plan: {error}")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(markdown(environment, plan))


if __name__ == "__main__":
    typer.run(main)
