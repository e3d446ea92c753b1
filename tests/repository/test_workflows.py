"""The project's rules for workflows, which linters cannot check."""

import re

from tests.support.repository import made, steps, tracked, workflows

# Programs of the platform, which workflows may call without a Make target.
PLATFORM = ("gcloud auth configure-docker ", "gh pr comment ")


def test_every_step_that_runs_the_project_s_code_is_a_make_target() -> None:
    lines = [line for _, step in steps() for line in step.get("run", "").splitlines()]
    own = [line for line in lines if not line.startswith(PLATFORM)]
    assert [line for line in own if not (line.startswith("make ") and made(line))] == []


def test_a_deployment_waits_for_ci_and_iac_and_a_fork_without_a_cloud_skips_it() -> None:
    jobs = workflows()["deploy.yml"]["jobs"]
    assert jobs["images"]["if"] == "vars.GCP_DEPLOYS == 'true'"
    assert set(jobs["images"]["needs"]) == {"ci", "iac"}
    assert jobs["deploy"]["needs"] == "images"
    environment = jobs["deploy"]["environment"]["name"]
    assert jobs["deploy"]["concurrency"]["group"] == f"deploy-to-{environment}"
    assert jobs["deploy"]["concurrency"]["cancel-in-progress"] is False


def test_images_are_tested_and_scanned_before_they_are_named() -> None:
    found = workflows()["deploy.yml"]["jobs"]["images"]["steps"]
    run = [(step.get("run") or step["uses"]).partition("@")[0] for step in found]
    order = ["make publish", "make test-images", "$/.github/actions/scan", "make publish-tested"]
    order.append("actions/attest-build-provenance")
    assert [step for step in run if step in order] == order
    tested = found[run.index("make test-images")]
    assert tested["env"]["BACKEND_IMAGE"] == "${{ steps.build.outputs.BACKEND_IMAGE }}"


def test_a_job_that_runs_a_pull_request_s_code_has_no_right_to_write() -> None:
    rights = {
        (file, job, permission)
        for file, workflow in workflows().items()
        if "pull_request" in workflow[True]  # type: ignore[index]
        for job, content in workflow["jobs"].items()
        if content.get("if") != "github.event_name == 'schedule'"
        if any(made(step.get("run", "")) for step in content["steps"])
        for permission, level in content["permissions"].items()
        if level == "write"
    }
    # The plan signs in as a read-only account, and not for forks.
    assert rights == {("iac.yml", "plan", "id-token")}


def test_every_image_of_others_is_a_digest() -> None:
    files = tracked("docker/*.Dockerfile", "docker/compose.yaml")
    text = "\n".join(path.read_text() for path in files)
    stages = {"scratch", *re.findall(r"^FROM .* AS (\S+)$", text, re.MULTILINE)}
    images = set(re.findall(r"^(?:FROM| +image:) (\S+)", text, re.MULTILINE)) - stages
    others = [image for image in images if not image.startswith("doubleit-")]
    assert others
    assert [it for it in others if not re.search(r":\S+@sha256:[0-9a-f]{64}$", it)] == []
