"""Running workflow jobs in clones."""

import subprocess
from pathlib import Path

import pytest

from scripts.dev import jobs

WORKFLOW = """
jobs:
  called:
    uses: ./.github/workflows/other.yml
  good:
    steps:
      - uses: actions/checkout@v1
      - run: ls
        env: {GIVEN: "1", TOKEN: "${{ github.token }}"}
      - run: test "$GIVEN" = 1 && test -z "${TOKEN-}" && test -f committed && ! test -e ignored
        env: {GIVEN: "1"}
  measured:
    steps: [{run: "make bench ROUNDS=1 && exit 1"}]
  bad:
    steps:
      - run: exit 3
      - run: echo reached
  again:
    steps: [{run: "make bench ROUNDS=1 && exit 1"}]
  cloud:
    permissions: {id-token: write}
    steps: [{run: make deploy}]
  online:
    steps: [{run: make audit-workflows}]
  comment:
    steps: [{run: gh pr comment 1}]
"""
SCHEDULED = """
on: {schedule: [{cron: "1 2 * * 3"}], workflow_dispatch: null}
jobs:
  slow:
    steps: [{run: make test}]
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AS_ROOT", "1")  # tests create no user
    root = tmp_path / "checkout"
    (root / ".github/workflows").mkdir(parents=True)
    (root / ".github/workflows/x.yml").write_text(WORKFLOW)
    (root / ".github/workflows/scheduled.yml").write_text(SCHEDULED)
    (root / "committed").touch()
    (root / ".gitignore").write_text("ignored\n")
    git = ["git", "-C", str(root), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], check=True)
    (root / "ignored").touch()
    return root


def test_jobs_that_run_nothing_of_the_project_are_left_out(checkout: Path) -> None:
    skipped = {job.name: job.skipped for job in jobs.jobs(checkout)}
    assert skipped == {
        "x.yml:good": None,
        "x.yml:measured": None,
        "x.yml:bad": None,
        "x.yml:again": "same as x.yml:measured",
        "x.yml:cloud": "signs in to Google Cloud",
        "x.yml:online": "queries GitHub",
    }


def test_jobs_run_in_a_clone_with_their_variables_until_a_step_fails(
    checkout: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    named = {job.name.removeprefix("x.yml:"): job for job in jobs.jobs(checkout)}
    assert [name for name, job in named.items() if job.alone] == ["measured", "again"]

    def run(*names: str) -> tuple[dict[str, str], int]:
        outcomes, status = jobs.run_all([named[name] for name in names], checkout)
        return {name: outcome.split(",")[0] for name, outcome in outcomes.items()}, status

    assert run("good") == ({"x.yml:good": "passed"}, 0)
    assert "committed\n" in capfd.readouterr().out
    # The one that runs alone is the first.
    assert run("good", "measured") == ({"x.yml:measured": "failed"}, 2)
    assert run("bad") == ({"x.yml:bad": "failed"}, 3)
    assert "reached\n" not in capfd.readouterr().out.replace("echo reached\n", "")
