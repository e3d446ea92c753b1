"""scripts/deploy/iac.sh: the state and the variables that it uses for each environment."""

import pytest

from tests.iac.workplace import Workplace

IMAGES = {"BACKEND_IMAGE": "backend@sha256:0", "FRONTEND_IMAGE": "frontend@sha256:1"}


def test_each_environment_has_its_own_state_and_variables(workplace: Workplace) -> None:
    done = workplace.run("iac.sh", "plan", "prod", **IMAGES)

    assert done.returncode == 0, done.stderr
    init, *_, plan = workplace.calls()
    assert "-backend-config=bucket=my-project-tfstate" in init
    assert "-backend-config=prefix=environment/prod" in init
    assert "-var-file=prod.tfvars" in plan
    seen = (workplace.cloud / "terraform-environment").read_text().splitlines()
    assert "TF_VAR_backend_image=backend@sha256:0" in seen
    assert (
        "TF_VAR_backend_tester=serviceAccount:github-deployer-prod@my-project.iam.gserviceaccount.com"
        in seen
    )
    assert f"TF_DATA_DIR={workplace.project}/build/iac/prod.terraform" in seen


def test_a_plan_is_applied_once(workplace: Workplace) -> None:
    workplace.run("iac.sh", "plan", "dev", **IMAGES)

    first = workplace.run("iac.sh", "apply", "dev")
    second = workplace.run("iac.sh", "apply", "dev")

    assert first.returncode == 0, first.stderr
    assert workplace.calls()[5].endswith(
        f"apply -input=false {workplace.project}/build/iac/dev.tfplan"
    )
    assert second.returncode == 1
    assert "there is no saved plan for dev: make plan ENV=dev" in second.stderr


def test_a_plan_of_dev_is_not_applied_to_prod(workplace: Workplace) -> None:
    workplace.run("iac.sh", "plan", "dev", **IMAGES)

    done = workplace.run("iac.sh", "apply", "prod")

    assert done.returncode == 1
    assert "no saved plan for prod" in done.stderr
    assert not (workplace.cloud / "applied").exists()


def test_further_options_reach_terraform(workplace: Workplace) -> None:
    workplace.run("iac.sh", "plan", "dev", "-destroy", **IMAGES)

    assert workplace.calls()[-1].endswith(" -destroy")


@pytest.mark.parametrize("options", [(), ("-lock=false",)], ids=["plan", "preview"])
def test_a_service_whose_first_start_failed_is_not_replaced(
    workplace: Workplace, options: tuple[str, ...]
) -> None:
    (workplace.cloud / "tainted").touch()

    done = workplace.run("iac.sh", "plan", "prod", *options, **IMAGES)

    assert done.returncode == 0, done.stderr
    untainted = [call.split()[-1] for call in workplace.calls() if " untaint " in call]
    # Without a lock the state must not change.
    services = ("backend", "frontend") if not options else ()
    assert untainted == [f"module.{it}.google_cloud_run_v2_service.this" for it in services]


def test_images_must_be_named(workplace: Workplace) -> None:
    done = workplace.run("iac.sh", "plan", "dev", BACKEND_IMAGE="backend@sha256:0")

    assert done.returncode == 1
    assert "FRONTEND_IMAGE is not set" in done.stderr


def test_an_unknown_environment_is_refused(workplace: Workplace) -> None:
    done = workplace.run("iac.sh", "plan", "staging")

    assert done.returncode == 1
    assert "ENV is dev or prod, got 'staging'" in done.stderr
    assert workplace.calls() == []


def test_without_terraform_the_check_is_skipped_with_a_message(workplace: Workplace) -> None:
    (workplace.bin / "terraform").unlink()

    assert workplace.run("iac.sh", "check").returncode == 0
    assert "skipped, terraform is not installed" in workplace.run("iac.sh", "check").stdout


def test_where_terraform_is_required_its_absence_fails(workplace: Workplace) -> None:
    (workplace.bin / "terraform").unlink()

    done = workplace.run("iac.sh", "check", REQUIRE_TERRAFORM="1")

    assert done.returncode == 1
    assert "REQUIRE_TERRAFORM is set" in done.stderr


def test_without_a_cloud_nothing_is_applied(workplace: Workplace) -> None:
    done = workplace.run("iac.sh", "apply", "dev", PROVIDER_SETUP="/bin/true")

    assert done.returncode == 1
    assert "there is no cloud to apply to" in done.stderr
