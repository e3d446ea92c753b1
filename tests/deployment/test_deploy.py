"""A deployment from end to end, with the real iac.sh and smoke test, and a simulated cloud."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from scripts.deploy import __main__ as deploy
from scripts.deploy.environment import DeploymentError, Environment, Name
from tests.deployment.conftest import Cloud

DEV = Environment("dev")
OLD = "backend doubleit-backend-dev-00001-abc {0}%, frontend doubleit-frontend-dev-00001-abc {0}%"


def images(monkeypatch: pytest.MonkeyPatch, digit: str) -> None:
    for name in ("BACKEND_IMAGE", "FRONTEND_IMAGE"):
        monkeypatch.setenv(name, f"host/project/repository/image@sha256:{digit * 64}")


@pytest.fixture
def deployed(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """Return a dev after its first deployment, with another pair of images to deploy."""
    images(monkeypatch, "1")
    deploy.deploy(DEV, patience=0)
    cloud.forget_calls()
    images(monkeypatch, "2")
    return cloud


@pytest.mark.parametrize("sick", [False, True])
def test_a_first_deployment_serves_everything_at_once_and_has_no_rollback(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, sick: bool
) -> None:
    images(monkeypatch, "1")
    cloud.tell("sick", "backend public" if sick else "")
    expected = pytest.raises(DeploymentError, match="no earlier revision to roll back to")
    with expected if sick else nullcontext():
        deploy.deploy(DEV, patience=0)
    assert cloud.applied == ["everything to the newest"]
    assert DEV.services()["backend"].serving_revision == "doubleit-backend-dev-00001-abc"


KEPT, RESTORED = [0], [0, 100, 0]
BY_HAND = "THE ROLLBACK FAILED TOO.*TF_VAR_backend_stable_revision=doubleit-backend-dev-00001-abc"


@pytest.mark.parametrize(
    ("sick", "failing", "message", "percents"),
    [
        ("backend canary", "", "The new revisions got no requests", KEPT),
        ("frontend canary", "", "The new revisions got no requests", KEPT),
        ("backend public", "", "Rolled back: doubleit-backend-dev-00001-abc", RESTORED),
        ("frontend public", "", "Rolled back: doubleit-backend-dev-00001-abc", RESTORED),
        ("", "1", "iac.sh apply dev ended with 1$", KEPT),
        ("", "2", "iac.sh apply dev ended with 1. Rolled back", RESTORED),
        ("backend public", "3", BY_HAND, RESTORED),
    ],
)
def test_a_smoke_test_or_a_change_that_fails_keeps_or_restores_the_revisions(
    deployed: Cloud, sick: str, failing: str, message: str, percents: list[int]
) -> None:
    deployed.tell("sick", sick)
    deployed.tell("failing", failing)
    with pytest.raises(DeploymentError, match=message):
        deploy.deploy(DEV, patience=0)
    assert deployed.applied == [OLD.format(percent) for percent in percents]
    number = 2 if message == BY_HAND else 1
    for name, service in DEV.services().items():
        assert service.serving_revision == f"doubleit-{name}-dev-{number:05}-abc"


@pytest.mark.parametrize("refused", [False, True])
def test_a_private_api_is_tested_with_an_id_token_for_its_url(
    deployed: Cloud, refused: bool
) -> None:
    deployed.tell("private")
    if refused:
        deployed.fail("print-identity-token")
    message = "permission denied. The new revisions got no requests"
    with pytest.raises(DeploymentError, match=message) if refused else nullcontext():
        deploy.deploy(DEV, patience=0)
    asked = {call for call in deployed.calls() if call.startswith("gcloud")}
    url = DEV.services()["backend"].url
    assert asked == {f"gcloud auth print-identity-token --audiences={url}"}


def test_a_run_s_page_names_a_rollback_and_the_addresses_of_the_next_deployment(
    deployed: Cloud, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page, outputs = tmp_path / "summary.md", tmp_path / "outputs"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    monkeypatch.setenv("GITHUB_OUTPUT", str(outputs))
    deployed.tell("sick", "backend public")
    with pytest.raises(SystemExit, match="Rolled back"):
        deploy.main(Name.DEV, patience=0)
    assert "## dev: failed:" in page.read_text()
    deployed.tell("sick")
    images(monkeypatch, "3")
    deploy.main(Name.DEV, patience=0)
    assert deployed.applied[-2:] == [OLD.format(0), OLD.format(100)]
    assert "## dev: deployed" in page.read_text()
    services = DEV.services()
    for name in ("backend", "frontend"):
        row = f"| {name} | {services[name].url} | `doubleit-{name}-dev-00003-abc` |"
        assert row in page.read_text()
    assert f"url={services['frontend'].url}\n" in outputs.read_text()


def write_gh(cloud: Cloud, script: str) -> None:
    """Replace the stand-in for gh."""
    gh = cloud.bin / "gh"
    gh.unlink()
    gh.write_text(f"#!/bin/sh\n{script}\n")
    gh.chmod(0o755)


@pytest.mark.parametrize(("newest", "applies"), [("1" * 40, 2), ("2" * 40, 0)])
def test_a_commit_is_not_deployed_after_a_newer_one(
    deployed: Cloud, monkeypatch: pytest.MonkeyPatch, newest: str, applies: int
) -> None:
    write_gh(deployed, f"echo {newest}")
    run = {"REF_TYPE": "branch", "REF_NAME": "main", "REPOSITORY": "o/n", "SHA": "1" * 40}
    for name, value in run.items():
        monkeypatch.setenv(f"GITHUB_{name}", value)
    deploy.main(Name.DEV, patience=0)
    assert len(deployed.applied) == applies


@pytest.mark.parametrize(("signed", "applies"), [(True, 2), (False, 0)])
def test_only_images_with_signed_provenance_are_deployed(
    deployed: Cloud, monkeypatch: pytest.MonkeyPatch, signed: bool, applies: int
) -> None:
    outcome = "true" if signed else "{ echo 'no attestations found' >&2; exit 1; }"
    write_gh(deployed, f'echo "gh $*" >>"$CLOUD/calls"\n{outcome}')
    monkeypatch.setenv("ATTESTATIONS", "true")
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/n")
    monkeypatch.setenv("GITHUB_SHA", "1" * 40)
    message = f"image@sha256:{'2' * 64}: no attestations found"
    with nullcontext() if signed else pytest.raises(SystemExit, match=message):
        deploy.main(Name.DEV, patience=0)
    assert len(deployed.applied) == applies
    call = next(call for call in deployed.calls() if "attestation verify oci://" in call)
    assert f"--source-digest={'1' * 40} " in call
    assert "--signer-workflow=o/n/.github/workflows/deploy.yml --source-ref=refs/heads/main" in call


@pytest.mark.parametrize("image", ["", "host/project/repository/image:1.0.0"])
def test_an_image_that_is_not_named_by_digest_is_refused(
    monkeypatch: pytest.MonkeyPatch, image: str
) -> None:
    images(monkeypatch, "1")
    monkeypatch.setenv("FRONTEND_IMAGE", image)
    with pytest.raises(SystemExit, match="FRONTEND_IMAGE is not an image by digest"):
        deploy.main(Name.DEV)
