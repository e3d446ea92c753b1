"""scripts/deploy/infra_setup.sh: its changes to a project and a repository, and their order."""

import re

import pytest

from tests.iac.workplace import Workplace


def position(calls: list[str], part: str) -> int:
    return next(i for i, call in enumerate(calls) if part in call)


def test_checks_come_before_changes_and_github_learns_what_terraform_made(
    workplace: Workplace,
) -> None:
    workplace.write_settings(REGISTRY_READERS='"serviceAccount:a@p serviceAccount:b@q"')
    workplace.run("infra_setup.sh")
    order = [
        "gcloud auth print-access-token",
        "gcloud projects describe my-project",
        "gcloud services enable cloudresourcemanager.googleapis.com",
        "gcloud storage buckets create gs://my-project-tfstate",
        "gcloud storage buckets update gs://my-project-tfstate --versioning",
        "terraform -chdir=iac/shared init",
        "terraform -chdir=iac/shared apply",
        "gcloud beta services identity create --service iap.googleapis.com",
        "gh api --method PUT repos/owner/name/environments/dev",
        "gh variable set GCP_DEPLOYER --repo owner/name --env dev",
        "gh variable set GCP_PLANNER",
    ]
    calls = workplace.calls()
    positions = [position(calls, part) for part in order]
    assert positions == sorted(positions)
    init = calls[position(calls, "init")]
    assert "-backend-config=bucket=my-project-tfstate -backend-config=prefix=shared" in init
    create = calls[position(calls, "buckets create")]
    assert "--uniform-bucket-level-access --public-access-prevention" in create
    seen = (workplace.cloud / "terraform-environment").read_text().splitlines()
    assert {
        "TF_VAR_project_id=my-project",
        "TF_VAR_github_repository_id=1234",
        "TF_VAR_github_owner_id=56",
        'TF_VAR_environments=["dev","prod"]',
        "TF_VAR_deployer_name=github-deployer",
        'TF_VAR_registry_readers=["serviceAccount:a@p","serviceAccount:b@q"]',
    } <= set(seen)
    assert workplace.github("GCP_PROJECT_ID", "dev") == "my-project"
    assert workplace.github("GCP_REGISTRY", "prod") == "the-registry"
    assert workplace.github("GCP_PLANNER_PROJECT_ID") == "my-project"
    assert workplace.github("GCP_PLANNER") == "the-planner"
    assert workplace.github("GCP_DEPLOYER", "prod") == "the-deployer_prod"


def test_a_second_run_changes_only_what_differs(workplace: Workplace) -> None:
    workplace.run("infra_setup.sh")
    assert workplace.changes()
    (workplace.cloud / "github" / "dev" / "GCP_REGION").write_text("europe-west1")
    workplace.forget_calls()
    workplace.run("infra_setup.sh")
    assert workplace.changes() == [
        "gh variable set GCP_REGION --repo owner/name --env dev --body us-central1"
    ]


def test_a_second_project_for_prod_keeps_dev_s_variables(workplace: Workplace) -> None:
    workplace.write_settings(ENVIRONMENTS="dev", ALERT_EMAIL="dev@example.com")
    workplace.run("infra_setup.sh")
    workplace.forget_calls()
    workplace.write_settings(
        PROJECT_ID="other-project", ENVIRONMENTS="prod", ALERT_EMAIL="prod@example.com"
    )
    printed = workplace.run("infra_setup.sh")
    assert not any("--env dev" in call or "GCP_PLANNER" in call for call in workplace.calls())
    assert workplace.github("GCP_PROJECT_ID", "prod") == "other-project"
    assert workplace.github("GCP_DEPLOYER", "prod") == "the-deployer_prod"
    assert workplace.github("GCP_STATE_BUCKET", "prod") == "other-project-tfstate"
    assert workplace.github("ALERT_EMAIL", "prod") == "prod@example.com"
    assert 'REGISTRY_READERS="serviceAccount:a@p serviceAccount:b@q"' in printed


def test_nothing_reaches_github_when_the_plan_fails(workplace: Workplace) -> None:
    workplace.fail("terraform .* plan")
    workplace.run("infra_setup.sh", error="terraform plan failed")
    assert not any(call.startswith("gh variable set") for call in workplace.calls())


def test_a_missing_tool_is_named(workplace: Workplace) -> None:
    (workplace.bin / "gh").unlink()
    workplace.run("infra_setup.sh", error="gh is not installed")
    assert workplace.calls() == []


@pytest.mark.parametrize(
    ("call", "remedy"),
    [
        ("gcloud auth print-access-token", "gcloud auth login"),
        ("gcloud auth application-default", "gcloud auth application-default login"),
        ("gh auth status", "gh auth login"),
        ("gcloud projects describe", "project my-project does not exist"),
    ],
)
def test_a_missing_sign_in_is_reported_with_the_command_for_it(
    workplace: Workplace, call: str, remedy: str
) -> None:
    workplace.fail(call)
    workplace.run("infra_setup.sh", error=remedy)
    assert workplace.changes() == []


def test_arguments_are_read_before_anything_is_done(workplace: Workplace) -> None:
    workplace.run("infra_setup.sh", "--keys", error="unknown argument: --keys")
    assert "infra_setup.sh --key" in workplace.run("infra_setup.sh", "--help")
    assert workplace.calls() == []


@pytest.mark.parametrize(("visibility", "count"), [("public", 2), ("private", 0)])
def test_attestations_and_code_scanning_are_used_where_github_s_plan_has_them(
    workplace: Workplace, visibility: str, count: int
) -> None:
    (workplace.cloud / "visibility").write_text(visibility)
    workplace.run("infra_setup.sh")
    calls = "\n".join(workplace.calls())
    assert len(re.findall("gh variable set (ATTESTATIONS|CODE_SCANNING)", calls)) == count
