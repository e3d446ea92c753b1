"""`make release` in temporary repositories: its checks, and the content of the tag."""

import subprocess
from pathlib import Path

import pytest

from scripts import project
from scripts.dev import release

CHANGELOG = """# Changelog

## [1.2.0] - 2026-01-31

### Added

- Something new.

## [1.1.0] - 2025-12-01

- Something old.
"""


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clean repository on main whose version 1.2.0 can be released."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "config", "user.name", "Somebody")
    git(folder, "config", "user.email", "somebody@example.com")
    (folder / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1.2.0"\n')
    (folder / "CHANGELOG.md").write_text(CHANGELOG)
    commit(folder)
    monkeypatch.setattr(project, "ROOT", folder)
    monkeypatch.setattr(release, "ROOT", folder)
    return folder


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=change")


def test_a_release_is_an_annotated_tag_with_the_changes_and_nothing_is_pushed(
    repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    git(repository, "remote", "add", "origin", "/nowhere")
    release.main("check")
    assert git(repository, "tag", "--list") == ""
    release.main("tag")
    assert git(repository, "cat-file", "-t", "v1.2.0") == "tag"
    message = git(repository, "tag", "--list", "--format=%(contents)", "v1.2.0")
    assert message == "1.2.0\n\n### Added\n\n- Something new."
    assert "git push origin main v1.2.0" in capsys.readouterr().out


def test_a_configured_key_signs_the_tag(repository: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True, timeout=30
    )
    git(repository, "config", "gpg.format", "ssh")
    git(repository, "config", "user.signingkey", str(key))
    release.tag("1.2.0", "text")
    assert "BEGIN SSH SIGNATURE" in git(repository, "cat-file", "tag", "v1.2.0")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("mv CHANGELOG.md new.txt", r"not clean:\nD CHANGELOG.md\n\?\? new.txt"),
        ("git switch --quiet --create feature", "made on main, this is feature"),
        ("git tag v1.2.0", "tag v1.2.0 exists"),
    ],
)
def test_a_checkout_that_cannot_be_released_is_refused(
    repository: Path, command: str, message: str
) -> None:
    subprocess.run(command.split(), cwd=repository, check=True)
    with pytest.raises(SystemExit, match=message):
        release.main("tag")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("CHANGELOG.md", "[1.2.0]", "[1.3.0]", "no section for 1.2.0"),
        ("CHANGELOG.md", " - 2026-01-31", "", "has no date for 1.2.0"),
        ("CHANGELOG.md", "### Added\n\n- Something new.\n", "", "lists no change for 1.2.0"),
        *(
            ("pyproject.toml", "1.2.0", version, f"version {version} .* not a semantic version")
            for version in ("1.2", "1.2.0.1", "01.2.0", "next")
        ),
    ],
)
def test_a_version_without_changes_or_that_is_not_semantic_is_refused(
    repository: Path, file: str, old: str, new: str, message: str
) -> None:
    path = repository / file
    path.write_text(path.read_text().replace(old, new))
    commit(repository)
    with pytest.raises(SystemExit, match=message):
        release.main("tag")
