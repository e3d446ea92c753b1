"""What the workflows' own linters cannot know: this project's rules."""

from __future__ import annotations

import re

import pytest

from tests.support.repository import made, steps, tracked, workflows

# Programs of the platform, whose use is no part of the project's code.
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
    # PyYAML reads the key `on` as true.
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
            # The plan's identity may look only, and forks do not get it.
            allowed = {"id-token"} if (file, job) == ("iac.yml", "plan") else set()
            assert not runs_code or writes <= allowed, f"{file} {job}"
