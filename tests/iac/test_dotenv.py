"""Settings from .env: parsed as data, and errors with the file and line."""

import shutil

import pytest

from server.store.paths import ROOT
from tests.iac.workplace import Workplace


def test_the_example_can_be_used_as_it_is(workplace: Workplace) -> None:
    shutil.copy(ROOT / ".env.example", workplace.project / ".env")
    workplace.run("infra_setup.sh")
    assert any("gs://my-project-tfstate" in call for call in workplace.calls())


def test_the_environment_comes_before_the_file_and_windows_line_ends_are_taken(
    workplace: Workplace,
) -> None:
    file = workplace.project / ".env"
    file.write_text(file.read_text().replace("\n", "\r\n"), newline="")
    workplace.run("infra_setup.sh", PROJECT_ID="other-project")
    assert any("projects describe other-project" in call for call in workplace.calls())


def test_a_missing_file_and_a_line_that_is_no_setting_are_named(workplace: Workplace) -> None:
    file = workplace.project / ".env"
    file.write_text(file.read_text() + "export REGION us-central1\n")
    error = ".env:8: expected NAME=VALUE, got: export REGION us-central1"
    workplace.run("infra_setup.sh", error=error)
    file.unlink()
    workplace.run("infra_setup.sh", error="copy .env.example to .env")
    assert workplace.calls() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROJECT_ID", "$(touch ran)"),
        ("REGION", "`touch ran`"),
        ("GITHUB_REPOSITORY", "https://host.example/owner/name"),
        ("SA_NAME", "github-deployer-of-the-team"),
        ("ENVIRONMENTS", "dev,prod"),
        ("REGISTRY_READERS", "allUsers"),
        ("STATE_BUCKET", "gs://my-project-tfstate"),
    ],
)
def test_a_bad_value_is_named_with_what_it_should_be(
    workplace: Workplace, name: str, value: str
) -> None:
    workplace.write_settings(**{name: value})
    printed = workplace.run("infra_setup.sh", error=f"Got: '{value}'")
    assert printed.startswith(f"{name}: ")
    assert workplace.calls() == []
    assert list(workplace.project.rglob("ran")) == []
