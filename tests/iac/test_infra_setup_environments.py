"""scripts/deploy/infra_setup.sh: the branches and tags that GitHub environments admit."""

import json
from typing import Any

import pytest

from tests.iac.workplace import Workplace

NAMED = {"protected_branches": False, "custom_branch_policies": True}
PROTECTED = {"protected_branches": True, "custom_branch_policies": False}
REVIEWERS = {"type": "required_reviewers", "reviewers": [{"type": "User", "reviewer": {"id": 1}}]}


def write(workplace: Workplace, name: str, rules: list[Any], policy: dict[str, bool] | None) -> str:
    """Create a GitHub environment that existed before the script ran, and return it."""
    content = {"name": name, "protection_rules": rules, "deployment_branch_policy": policy}
    file = workplace.cloud / "github" / f"{name}.environment"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content))
    return file.read_text()


def refs(workplace: Workplace, name: str) -> list[tuple[str, str]]:
    lines = workplace.github(f"{name}.policies", ".").splitlines()
    return [(policy["type"], policy["name"]) for policy in map(json.loads, lines)]


def test_a_ref_that_is_missing_is_added_and_others_and_reviewers_stay(
    workplace: Workplace,
) -> None:
    before = write(workplace, "dev", [REVIEWERS, {"type": "branch_policy"}], NAMED)
    policies = workplace.cloud / "github" / "dev.policies"
    policies.write_text('{"name": "main", "type": "tag"}\n{"name": "hotfix/*", "type": "branch"}\n')
    workplace.run("infra_setup.sh")
    assert workplace.github("dev.environment", ".") == before
    own = [("tag", "main"), ("branch", "hotfix/*")]
    assert refs(workplace, "dev") == [*own, ("branch", "main"), ("tag", "v*")]


@pytest.mark.parametrize("policy", [None, PROTECTED], ids=["any ref", "protected branches"])
def test_main_and_release_tags_deploy_to_dev_and_release_tags_alone_to_prod(
    workplace: Workplace, policy: dict[str, bool] | None
) -> None:
    write(workplace, "dev", [{"type": "branch_policy"}] if policy else [], policy)
    workplace.run("infra_setup.sh")
    for name in ("dev", "prod"):
        state = json.loads(workplace.github(f"{name}.environment", "."))
        assert state["deployment_branch_policy"] == NAMED
    assert refs(workplace, "dev") == [("branch", "main"), ("tag", "v*")]
    assert refs(workplace, "prod") == [("tag", "v*")]


def test_reviewers_are_never_risked_and_what_to_do_by_hand_is_said(workplace: Workplace) -> None:
    before = write(workplace, "prod", [REVIEWERS, {"type": "branch_policy"}], PROTECTED)
    printed = workplace.run("infra_setup.sh")
    assert workplace.github("prod.environment", ".") == before
    assert "environment prod has reviewers or a timer" in printed
    assert "'Selected branches and tags'" in printed
    assert workplace.github("GCP_DEPLOYER", "prod") == "the-deployer_prod"


def test_what_could_not_be_asked_is_not_changed(workplace: Workplace) -> None:
    before = write(workplace, "dev", [REVIEWERS], PROTECTED)
    workplace.fail("gh api --paginate")
    workplace.run("infra_setup.sh", error="")
    assert workplace.github("dev.environment", ".") == before
