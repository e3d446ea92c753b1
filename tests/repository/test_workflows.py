"""The project's rules for workflows, which linters cannot check."""

from __future__ import annotations

import re

from tests.support.repository import made, steps, tracked, workflows

# Programs of the platform, which workflows may call without a Make target.
PLATFORM = ("gcloud auth configure-docker ", "gh pr comment ")


def test_every_step_that_runs_the_project_s_code_is_a_make_target() -> None:
    lines = [line for _, step in steps() for line in step.get("run", "").splitlines()]
    own = [line for line in lines if not line.startswith(PLATFORM)]
    assert [line for line in own if not (line.startswith("make ") and made(line))] == []


def test_a_fork_without_a_cloud_skips_the_deployment() -> None:
    jobs = workflows()["deploy.yml"]["jobs"]
    assert jobs["images"]["if"] == "vars.GCP_DEPLOYS == 'true'"
    assert jobs["deploy"]["needs"] == "images"
    setup = tracked("scripts/deploy/infra_setup.sh")[0].read_text()
    assert "set_variable GCP_DEPLOYS true" in setup


def test_no_other_workflow_deploys() -> None:
    deploying = {
        file
        for file, workflow in workflows().items()
        for content in workflow["jobs"].values()
        if "GCP_DEPLOYER" in str(content) or "environment" in content
    }
    assert deploying == {"deploy.yml"}


def test_a_deployment_waits_for_ci_and_iac_and_for_the_one_before() -> None:
    jobs = workflows()["deploy.yml"]["jobs"]
    assert set(jobs["images"]["needs"]) == {"ci", "iac"}
    environment = jobs["deploy"]["environment"]["name"]
    assert jobs["deploy"]["concurrency"]["group"] == f"deploy-to-{environment}"
    assert jobs["deploy"]["concurrency"]["cancel-in-progress"] is False


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


def test_images_are_built_once_for_a_commit_and_tested_before_they_are_named() -> None:
    deploy = workflows()["deploy.yml"]["jobs"]
    # If deploy builds the images, ci does not. deploy tests, scans and tags the images that it
    # pushed.
    assert deploy["ci"]["with"] == {"images-elsewhere": True}
    ci = workflows()["ci.yml"]["jobs"]
    assert ci["images"]["if"] == "${{ !inputs.images-elsewhere }}"
    run = [step.get("run") or step["uses"] for step in deploy["images"]["steps"]]
    order = ["make publish", "make test-images", "$/.github/actions/scan", "make publish-tested"]
    # Only tested images are attested.
    (attest,) = [step for step in run if step.startswith("actions/attest-build-provenance@")]
    order.append(attest)
    assert [step for step in run if step in order] == order
    tested = next(step for step in deploy["images"]["steps"] if step.get("run") == order[1])
    assert tested["env"]["BACKEND_IMAGE"] == "${{ steps.build.outputs.BACKEND_IMAGE }}"
    builds = [
        f"{file} {job}"
        for file, workflow in workflows().items()
        for job, content in workflow["jobs"].items()
        if made(" ; ".join(step.get("run", "") for step in content.get("steps", [])))
        & {"images", "publish", "test-images"}
    ]
    # The job in security.yml runs on a schedule only.
    assert builds == ["ci.yml images", "deploy.yml images", "security.yml images"]
    assert workflows()["security.yml"]["jobs"]["images"]["if"] == "github.event_name == 'schedule'"


def test_every_image_of_others_is_a_digest() -> None:
    text = "\n".join(path.read_text() for path in tracked("docker/*.Dockerfile"))
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", text, re.MULTILINE)
    compose = tracked("docker/compose.yaml")[0].read_text()
    images = {image for image, _ in stages} | set(
        re.findall(r"^ +image: (\S+)$", compose, re.MULTILINE)
    )
    others = images - {stage for _, stage in stages} - {"scratch"}
    others = {image for image in others if not image.startswith("doubleit-")}
    assert others
    assert {it for it in others if not re.search(r":\S+@sha256:[0-9a-f]{64}$", it)} == set()


def test_torch_is_one_version_everywhere() -> None:
    (line,) = re.findall(
        r"^torch==(\S+)\+cpu(?: \\\n    --hash=sha256:[0-9a-f]{64}){2}$",
        tracked("docker/torch.txt")[0].read_text(),
        re.MULTILINE,
    )
    assert f'torch = ["torch=={line}"]' in tracked("pyproject.toml")[0].read_text()
