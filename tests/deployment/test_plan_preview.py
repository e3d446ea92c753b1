"""The plan for a pull request, made with read access only."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.deploy import __main__ as deploy
from scripts.deploy import plan_preview
from scripts.deploy.environment import Environment, Name
from tests.deployment.conftest import Cloud
from tests.deployment.test_deploy import images


def preview(file: Path) -> None:
    plan_preview.main(Name.DEV, file)


def test_the_preview_takes_images_commit_and_traffic_as_they_run(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    images(monkeypatch, "1")
    monkeypatch.setenv("TF_VAR_commit", "0123abc")
    deploy.deploy(Environment("dev"), patience=0)
    for name in ("BACKEND_IMAGE", "FRONTEND_IMAGE", "TF_VAR_commit"):
        monkeypatch.delenv(name)
    preview(tmp_path / "new folder" / "dev.md")
    text = (tmp_path / "new folder" / "dev.md").read_text()
    assert text.startswith("### Terraform, dev\n\nPlan: 0 to add, 2 to change, 0 to destroy.\n")
    assert "commit 0123abc\n" in text
    assert cloud.calls[-1] == "plan -lock=false"
    asked = [call for call in cloud.calls if call.startswith("gcloud run services describe")]
    assert "--project=my-project" in asked[0]
    assert len(cloud.applied) == 1


def test_an_environment_that_cannot_be_looked_up_is_an_error(cloud: Cloud, tmp_path: Path) -> None:
    cloud.tell("refuse")
    with pytest.raises(SystemExit, match="cannot look up what doubleit-backend-dev runs: ERROR"):
        preview(tmp_path / "dev.md")
    assert not (tmp_path / "dev.md").exists()


def test_a_long_plan_is_shortened_to_what_a_comment_holds() -> None:
    text = plan_preview.markdown("dev", "No changes. Done.\n" + "x" * 100_000)
    assert "\nNo changes. Done.\n" in text
    assert "[shortened]" in text
    assert len(text) < 65_536


def test_a_plan_without_a_summary_is_noted() -> None:
    assert "printed no summary" in plan_preview.markdown("dev", "something else")
