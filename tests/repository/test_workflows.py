"""The project's rules for workflows, which linters cannot check."""

from __future__ import annotations

import re

import pytest

from tests.support.repository import made, steps, tracked, workflows

# Programs of the platform, which workflows may call without a Make target.
PLATFORM = ("gcloud auth configure-docker ", "gh pr comment ")
PIN = re.compile(
    r"uses: (?P<action>[^@\s]+)@(?P<commit>[0-9a-f]{40}) # (?P<version>v\d+\.\d+\.\d+)$"
)


def test_every_step_that_runs_the_project_s_code_is_a_make_target() -> None:
    for place, step in steps():
        for line in step.get("run", "").splitlines():
            assert line.startswith(PLATFORM) or (line.startswith("make ") and made(line)), (
                f"{place}: {line}"
            )


def test_every_action_is_pinned_to_a_commit_with_its_version_and_all_pins_agree() -> None:
    pins: dict[str, set[tuple[str, str]]] = {}
    for path in tracked(".github/workflows/*.yml", ".github/actions/*/action.yml"):
        for line in path.read_text().splitlines():
            if "uses:" in line and "uses: $/" not in line:
                pin = PIN.search(line)
                assert pin, f"{path.name}: {line.strip()}"
                pins.setdefault(pin["action"], set()).add((pin["commit"], pin["version"]))
    assert {action for action, versions in pins.items() if len(versions) > 1} == set()


@pytest.mark.parametrize("file", workflows())
def test_nothing_is_permitted_that_a_job_does_not_ask_for(file: str) -> None:
    workflow = workflows()[file]
    assert workflow["permissions"] == {}
    for job, content in workflow["jobs"].items():
        assert "permissions" in content, job
        assert "timeout-minutes" in content or "uses" in content, job


def test_a_deployment_starts_from_main_or_a_release_tag_and_from_nothing_else() -> None:
    # PyYAML parses the key `on` as true.
    assert workflows()["deploy.yml"][True] == {"push": {"branches": ["main"], "tags": ["v*"]}}  # type: ignore[index]
    for file, workflow in workflows().items():
        for job, content in workflow["jobs"].items():
            signs_in_to_deploy = "GCP_DEPLOYER" in str(content) or "environment" in content
            assert not signs_in_to_deploy or file == "deploy.yml", f"{file} {job}"


def test_a_deployment_waits_for_ci_and_iac_and_for_the_one_before() -> None:
    jobs = workflows()["deploy.yml"]["jobs"]
    assert set(jobs["images"]["needs"]) == {"ci", "iac"}
    assert jobs["deploy"]["needs"] == "images"
    environment = jobs["deploy"]["environment"]["name"]
    assert jobs["deploy"]["concurrency"]["group"] == f"deploy-to-{environment}"
    assert jobs["deploy"]["concurrency"]["cancel-in-progress"] is False


def test_nothing_that_an_outsider_writes_becomes_part_of_a_command() -> None:
    for place, step in steps():
        assert "${{" not in step.get("run", ""), place


def test_a_job_that_runs_a_pull_request_s_code_has_no_right_to_write() -> None:
    for file, workflow in workflows().items():
        if "pull_request" not in workflow[True]:  # type: ignore[index]
            continue
        for job, content in workflow["jobs"].items():
            writes = {p for p, level in content["permissions"].items() if level == "write"}
            runs_code = any(made(step.get("run", "")) for step in content["steps"])
            # The plan signs in as a read-only account, and not for forks.
            allowed = {"id-token"} if (file, job) == ("iac.yml", "plan") else set()
            assert not runs_code or writes <= allowed, f"{file} {job}"


def test_images_are_built_once_for_a_commit_and_tested_before_they_are_named() -> None:
    deploy = workflows()["deploy.yml"]["jobs"]
    # If deploy builds the images, ci does not. deploy tests, scans and tags the images that it
    # pushed.
    assert deploy["ci"]["with"] == {"images-elsewhere": True}
    ci = workflows()["ci.yml"]["jobs"]
    assert ci["images"]["if"] == "${{ !inputs.images-elsewhere }}"
    run = [step.get("run") or step["uses"] for step in deploy["images"]["steps"]]
    order = ["make publish", "make test-images", "$/.github/actions/scan", "make publish-tested"]
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


def test_a_job_that_pushes_or_deploys_restores_no_cache() -> None:
    for job, content in workflows()["deploy.yml"]["jobs"].items():
        for step in content.get("steps", []):
            assert "cache" not in step.get("uses", ""), job
            assert not step.get("uses", "").endswith("/set-up"), job


def test_every_other_job_that_installs_the_environment_has_a_cache_for_it() -> None:
    for file, workflow in workflows().items():
        for job, content in workflow["jobs"].items():
            steps = content.get("steps", [])
            installs = any(made(step.get("run", "")) for step in steps)
            if installs and file != "deploy.yml":
                assert any(it.get("uses") == "$/.github/actions/set-up" for it in steps), job


def test_every_base_image_is_a_digest_in_the_from_line() -> None:
    for path in tracked("docker/*.Dockerfile"):
        stages = {"scratch"}
        for image, stage in re.findall(r"^FROM (\S+) AS (\S+)$", path.read_text(), re.MULTILINE):
            assert image in stages or re.search(r":\S+@sha256:[0-9a-f]{64}$", image), image
            stages.add(stage)
    compose = tracked("docker/compose.yaml")[0].read_text()
    for image in re.findall(r"^ +image: (\S+)$", compose, re.MULTILINE):
        assert image.startswith("doubleit-") or "@sha256:" in image


def test_torch_is_one_version_everywhere() -> None:
    (line,) = re.findall(
        r"^torch==(\S+)\+cpu --hash=sha256:[0-9a-f]{64}$",
        tracked("docker/torch.txt")[0].read_text(),
        re.MULTILINE,
    )
    assert f'torch = ["torch=={line}"]' in tracked("pyproject.toml")[0].read_text()
