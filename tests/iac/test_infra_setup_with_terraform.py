"""scripts/deploy/infra_setup.sh with the real Terraform: it uses the names in iac/shared."""

import os
import shutil
import subprocess

import pytest

from server.store.paths import ROOT
from tests.iac.workplace import Workplace

SETUP = os.environ.get("PROVIDER_SETUP")
TERRAFORM = shutil.which("terraform")


@pytest.fixture
def provider() -> str:
    if TERRAFORM is None:
        pytest.skip("terraform is not installed")
    if not SETUP:
        pytest.skip("PROVIDER_SETUP is not set, and the real provider needs a cloud")
    where = ROOT / "build" / "iac" / "provider"
    if where.exists():
        # As scripts/deploy/iac.sh does before it runs the program again.
        subprocess.run(["chmod", "-R", "u+w", where], check=True)
    setup = subprocess.run([SETUP, where], capture_output=True, text=True, check=True)
    return setup.stdout.splitlines()[-1]


def test_terraform_takes_the_settings_and_returns_what_github_gets(
    workplace: Workplace, provider: str
) -> None:
    # Without a bucket, the state stays in the copy, and the bucket's options are left out.
    override = workplace.project / "iac" / "shared" / "backend_override.tf"
    override.write_text('terraform {\n  backend "local" {}\n}\n')
    stand_in = workplace.bin / "terraform"
    stand_in.unlink()
    stand_in.write_text(
        "#!/usr/bin/env bash\n"
        f"export PATH={os.environ['PATH']!r} TF_CLI_CONFIG_FILE={provider!r}\n"
        "for argument; do\n"
        "  shift\n"
        '  [[ $argument == -backend-config=* ]] || set -- "$@" "$argument"\n'
        "done\n"
        f'exec {TERRAFORM} "$@"\n'
    )
    stand_in.chmod(0o755)

    first = workplace.run("infra_setup.sh")
    workplace.forget_calls()
    second = workplace.run("infra_setup.sh")

    assert first.returncode == 0, first.stdout + first.stderr
    assert "1 to import" in first.stdout
    registry = "us-central1-docker.pkg.dev/my-project/ml-deploy-repo"
    assert workplace.github("GCP_REGISTRY", "dev") == registry
    assert workplace.github("GCP_WORKLOAD_IDENTITY_PROVIDER", "dev").endswith(
        "/workloadIdentityPools/github-actions/providers/github"
    )
    assert workplace.github("GCP_DEPLOYER", "dev") == (
        "github-deployer@my-project.iam.gserviceaccount.com"
    )
    assert workplace.github("GCP_DEPLOYER", "prod") == (
        "github-deployer-prod@my-project.iam.gserviceaccount.com"
    )
    assert workplace.github("GCP_PLANNER") == "github-planner@my-project.iam.gserviceaccount.com"
    assert second.returncode == 0, second.stdout + second.stderr
    assert "nothing to change" in second.stdout
    assert workplace.changes() == []
