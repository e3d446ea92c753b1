"""Deploy two images to an environment: test, shift, test again, and return if that fails.

    python -m scripts.deploy dev|prod

The new revisions are made without traffic and tested at addresses of their own; then all requests
go to them and the public addresses are tested. Where that fails, the revisions that served before
serve again. Terraform (iac.sh) makes every change, so its state is the truth throughout.

BACKEND_IMAGE and FRONTEND_IMAGE name the images by digest; iac.sh's own settings come from the
environment too.
"""

from __future__ import annotations

import argparse
import os
import sys

from scripts.deploy import checks, summary
from scripts.deploy.environment import DeploymentError, Environment


def deploy(environment: Environment, patience: float = checks.PATIENCE) -> None:
    """Deploy, or leave what served before serving.

    Args:
        environment: where to.
        patience: seconds that the API may take to be ready; 0 to ask once.

    Raises:
        DeploymentError: the images do not serve; the message says what serves instead.
    """
    stable = {
        name: service.serving for name, service in environment.services().items() if service.serving
    }
    _say(f"{environment.name} serves {', '.join(stable.values()) or 'nothing yet'}")
    environment.apply(stable, percent=0)
    try:
        checks.check(environment.services(), canary=True, patience=patience)
    except DeploymentError as error:
        raise DeploymentError(f"{error}. {_unchanged(stable)}") from error
    if not stable:
        return
    _say("the new revisions answer: all requests go to them")
    try:
        environment.apply(stable, percent=100)
        checks.check(environment.services(), canary=False, patience=patience)
    except (DeploymentError, KeyboardInterrupt) as error:
        reason = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
        raise DeploymentError(f"{reason}. {_roll_back(environment, stable, patience)}") from error


def _unchanged(stable: dict[str, str]) -> str:
    if stable:
        return f"No request went to the new revisions: {', '.join(stable.values())} still serve"
    return "This was the first deployment, so there is nothing to return to"


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
            f"ROLLING BACK FAILED TOO: {error}. By hand: "
            f"export {variables}; make plan ENV={name} && make apply ENV={name}"
        )
    return f"Rolled back: {revisions} serve again"


def _say(text: str) -> None:
    print(f"deploy: {text}", flush=True)


def main() -> None:
    """Deploy as the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("environment", choices=["dev", "prod"])
    parser.add_argument(
        "--patience",
        type=float,
        default=checks.PATIENCE,
        help="seconds that the API may take to be ready",
    )
    arguments = parser.parse_args()
    for name in ("BACKEND_IMAGE", "FRONTEND_IMAGE"):
        if "@sha256:" not in os.environ.get(name, ""):
            sys.exit(f"deploy: {name} is not an image by digest: {os.environ.get(name, '')!r}")
    environment = Environment(arguments.environment)
    try:
        deploy(environment, arguments.patience)
    except DeploymentError as error:
        outcome = f"failed: {error}"
    else:
        outcome = "deployed"
    try:
        summary.write(environment.name, outcome, environment.services())
    except DeploymentError as error:
        print(f"deploy: no summary: {error}", flush=True)
    if outcome != "deployed":
        sys.exit(f"deploy: {outcome}")


if __name__ == "__main__":
    main()
