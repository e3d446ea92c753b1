"""Images pushed by commit, and named by version without being built again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts.deploy import publish
from scripts.project import version
from scripts.store.paths import ROOT

# Keeps in $REGISTRY_FOLDER what a registry would: a file for each tag, holding the digest.
DOCKER = """#!/usr/bin/env bash
set -u
echo "$*" >>"$REGISTRY_FOLDER/calls"
file() { echo "$REGISTRY_FOLDER/tag $(tr /: -- <<<"$1")"; }
case "$*" in
"buildx build "*)
    [ ! -e "$REGISTRY_FOLDER/broken" ] || exit 1
    for argument in "$@"; do
        case $argument in
        --tag=*) echo "sha256:built" >"$(file "${argument#--tag=}")" ;;
        --metadata-file=*) echo '{"containerimage.digest": "sha256:built"}' >"${argument#*=}" ;;
        esac
    done
    ;;
"buildx imagetools inspect "*)
    if [ -e "$REGISTRY_FOLDER/offline" ]; then echo "dial tcp: refused" >&2; exit 1; fi
    cat "$(file "${!#}")" 2>/dev/null | sed 's/.*/{"digest": "&"}/' | grep . ||
        { echo "ERROR: ${!#}: not found" >&2; exit 1; }
    ;;
"buildx imagetools create "*)
    for argument in "$@"; do
        case $argument in
        --tag=*) echo "${!#}" | sed 's/.*@//' >"$(file "${argument#--tag=}")" ;;
        esac
    done
    ;;
*) exit 64 ;;
esac
"""
BACKEND = "registry.example/project/images/doubleit-torchserve"
COMMIT = subprocess.run(
    ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
).stdout.strip()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("REGISTRY_FOLDER", str(tmp_path))
    monkeypatch.setenv("REGISTRY", "registry.example/project/images/")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    monkeypatch.delenv("GITHUB_REF_NAME", raising=False)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr(sys, "argv", ["publish", command])
    publish.main()


def tag(registry: Path, image: str, name: str) -> Path:
    return registry / f"tag {image}:{name}".replace("/", "-").replace(":", "-")


def test_a_build_is_pushed_by_commit_with_sbom_and_provenance(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "build")
    backend, frontend = (registry / "calls").read_text().splitlines()
    for option in (
        "--platform=linux/amd64",
        "--file=docker/torchserve.Dockerfile",
        f"--tag={BACKEND}:{COMMIT}",
        "--push",
        "--sbom=true",
        "--provenance=mode=max",
        f"--cache-from=type=registry,ref={BACKEND}:cache",
        f"--build-arg=REVISION={COMMIT}",
    ):
        assert option in backend.split()
    assert "--file=docker/frontend.Dockerfile" in frontend
    assert (registry / "outputs").read_text().splitlines() == [
        f"BACKEND_IMAGE={BACKEND}@sha256:built",
        "FRONTEND_IMAGE=registry.example/project/images/doubleit-frontend@sha256:built",
    ]


def test_a_release_names_the_image_of_its_commit_and_builds_nothing(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "build")
    (registry / "calls").unlink()
    monkeypatch.setenv("GITHUB_REF_NAME", f"v{version()}")
    for _ in range(2):  # a run that is repeated changes nothing
        run(monkeypatch, "release")
        assert tag(registry, BACKEND, version()).read_text() == "sha256:built\n"
    assert "buildx build" not in (registry / "calls").read_text()


@pytest.mark.usefixtures("registry")
def test_a_commit_that_main_did_not_build_cannot_be_released(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SystemExit, match=f"no {BACKEND}:{COMMIT}: push this commit to main first"):
        run(monkeypatch, "release")


def test_a_version_stays_the_image_that_it_was(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, "build")
    tag(registry, BACKEND, version()).write_text("sha256:earlier\n")
    with pytest.raises(SystemExit, match="is another image already"):
        run(monkeypatch, "release")
    assert tag(registry, BACKEND, version()).read_text() == "sha256:earlier\n"


@pytest.mark.usefixtures("registry")
def test_a_tag_that_is_not_the_version_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITHUB_REF_NAME", "v0.0.1")
    with pytest.raises(SystemExit, match="the tag is v0.0.1, and pyproject.toml says"):
        run(monkeypatch, "release")


def test_a_registry_that_does_not_answer_is_not_taken_for_an_empty_one(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (registry / "offline").touch()
    with pytest.raises(SystemExit, match="cannot look .* up: dial tcp"):
        run(monkeypatch, "release")


def test_a_build_that_fails_gives_no_image(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (registry / "broken").touch()
    with pytest.raises(SystemExit, match="docker buildx build ended with 1"):
        run(monkeypatch, "build")
    assert not (registry / "outputs").exists()


@pytest.mark.usefixtures("registry")
def test_no_registry_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGISTRY")
    with pytest.raises(SystemExit, match="REGISTRY is not set"):
        run(monkeypatch, "build")
