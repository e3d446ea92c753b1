"""scripts/deploy/iac.sh: the state and the variables that it uses for each environment."""

import pytest

from tests.iac.workplace import Workplace

IMAGES = {"BACKEND_IMAGE": "backend@sha256:0", "FRONTEND_IMAGE": "frontend@sha256:1"}


def test_each_environment_has_its_own_state_and_variables(workplace: Workplace) -> None:
    workplace.run("iac.sh", "plan", "prod", **IMAGES)
    init, *_, plan = workplace.calls()
    assert "-backend-config=bucket=my-project-tfstate" in init
    assert "-backend-config=prefix=environment/prod" in init
    assert "-var-file=prod.tfvars" in plan
    seen = (workplace.cloud / "terraform-environment").read_text().splitlines()
    assert "TF_VAR_backend_image=backend@sha256:0" in seen
    tester = "github-deployer-prod@my-project.iam.gserviceaccount.com"
    assert f"TF_VAR_backend_tester=serviceAccount:{tester}" in seen
    assert f"TF_DATA_DIR={workplace.project}/build/iac/prod.terraform" in seen


def test_a_plan_is_applied_once_and_to_its_own_environment(workplace: Workplace) -> None:
    workplace.run("iac.sh", "plan", "dev", **IMAGES)
    missing = "there is no saved plan for {0}: make plan ENV={0}"
    workplace.run("iac.sh", "apply", "prod", error=missing.format("prod"))
    workplace.run("iac.sh", "apply", "dev")
    workplace.run("iac.sh", "apply", "dev", error=missing.format("dev"))
    plan = f"{workplace.project}/build/iac/dev.tfplan"
    applied = [call for call in workplace.calls() if " apply " in call]
    assert applied == [f"terraform -chdir=iac/environment apply -input=false {plan}"]


def test_a_preview_takes_images_commit_and_traffic_as_they_were_applied(
    workplace: Workplace,
) -> None:
    workplace.run("iac.sh", "preview", "dev", ALERT_EMAIL="oncall@example.com")
    applied = workplace.project / "build/iac/dev.tfvars.json"
    assert applied.read_text() == '{"commit": "0123abc"}\n'
    *_, plan = workplace.calls()
    assert plan.endswith(f" -lock=false -var-file={applied}")
    seen = (workplace.cloud / "terraform-environment").read_text()
    assert "TF_VAR_alert_email=oncall@example.com" in seen
    text = (workplace.project / "build/iac/dev.md").read_text()
    assert text.startswith("### Terraform, dev\n\nPlan: 0 to add, 2 to change, 0 to destroy.\n")


def test_a_preview_of_what_was_never_deployed_is_an_error(workplace: Workplace) -> None:
    workplace.fail("output -json applied")
    workplace.run("iac.sh", "preview", "dev", error="")
    assert not (workplace.project / "build/iac/dev.md").exists()


@pytest.mark.parametrize("options", [("-destroy",), ("-lock=false",)], ids=["plan", "preview"])
def test_a_service_whose_first_start_failed_is_not_replaced(
    workplace: Workplace, options: tuple[str, ...]
) -> None:
    (workplace.cloud / "tainted").touch()
    workplace.run("iac.sh", "plan", "prod", *options, **IMAGES)
    assert workplace.calls()[-1].endswith(f" {options[0]}")
    untainted = [call.split()[-1] for call in workplace.calls() if " untaint " in call]
    # Without a lock the state must not change.
    services = ("backend", "frontend") if options == ("-destroy",) else ()
    assert untainted == [f"module.{it}.google_cloud_run_v2_service.this" for it in services]


@pytest.mark.parametrize(
    ("arguments", "variables", "error"),
    [
        ("plan dev", {"BACKEND_IMAGE": "backend@sha256:0"}, "FRONTEND_IMAGE is not set"),
        ("plan staging", IMAGES, "ENV is dev or prod, got 'staging'"),
        ("apply dev", {"PROVIDER_SETUP": "/bin/true"}, "there is no cloud to apply to"),
    ],
)
def test_what_cannot_be_done_is_refused(
    workplace: Workplace, arguments: str, variables: dict[str, str], error: str
) -> None:
    workplace.run("iac.sh", *arguments.split(), error=error, **variables)
    assert not [call for call in workplace.calls() if " plan " in call or " apply " in call]


@pytest.mark.parametrize("required", ["", "1"])
def test_without_terraform_the_check_is_skipped_unless_it_is_required(
    workplace: Workplace, required: str
) -> None:
    (workplace.bin / "terraform").unlink()
    error = "terraform is not installed, and REQUIRE_TERRAFORM is set" if required else None
    printed = workplace.run("iac.sh", "check", error=error, REQUIRE_TERRAFORM=required)
    assert "terraform is not installed" in printed
