"""Write what this checkout would change in an environment, as Markdown for a pull request.

    python -m scripts.deploy.plan_preview dev|prod FILE

The images and the traffic are taken as they run, so that only the change of the configuration
shows. Reads, changes nothing, and takes no lock: an identity that may only look is enough.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from scripts.deploy.environment import SERVICES, DeploymentError, Environment

LIMIT = 60_000  # characters; GitHub takes 65 536 in a comment


def running_images(environment: str) -> dict[str, str]:
    """Return the image that each service runs, by digest.

    Raises:
        DeploymentError: a service is not there, or may not be looked at.
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
            raise DeploymentError(f"cannot say what {service} runs: {done.stderr.strip()}")
        images[name] = done.stdout.strip()
    return images


def markdown(environment: str, plan: str) -> str:
    """Return the comment: Terraform's closing sentence, and the plan folded under it."""
    verdicts = [line for line in plan.splitlines() if line.startswith(("Plan:", "No changes."))]
    verdict = verdicts[-1] if verdicts else "Terraform gave no verdict."
    if len(plan) > LIMIT:
        plan = plan[:LIMIT] + "\n[shortened]"
    return (
        f"### Terraform, {environment}\n\n{verdict}\n\n"
        f"<details><summary>Plan</summary>\n\n```\n{plan}\n```\n\n</details>\n"
    )


def main() -> None:
    """Write the file as the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("environment", choices=["dev", "prod"])
    parser.add_argument("file", type=Path)
    arguments = parser.parse_args()
    try:
        plan = Environment(arguments.environment).preview(running_images(arguments.environment))
    except DeploymentError as error:
        sys.exit(f"plan: {error}")
    arguments.file.parent.mkdir(parents=True, exist_ok=True)
    arguments.file.write_text(markdown(arguments.environment, plan))


if __name__ == "__main__":
    main()
