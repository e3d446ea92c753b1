"""Images are built once and tagged as they pass the tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts.deploy import publish
from scripts.project import version
from server.store.paths import ROOT

# Stands in for a registry: stores each tag as a file with the digest in $REGISTRY_FOLDER.
DOCKER = """#!/usr/bin/env bash
set -u
echo "$*" >>"$REGISTRY_FOLDER/calls"
file() { echo "$REGISTRY_FOLDER/tag $(tr /: -- <<<"$1")"; }
case "$*" in
"buildx inspect "*) cat "$REGISTRY_FOLDER/builder" 2>/dev/null ;;
"buildx rm "*) rm "$REGISTRY_FOLDER/builder" ;;
"buildx create "*) echo "Driver Options: ${!#}" >"$REGISTRY_FOLDER/builder" ;;
"buildx bake "*)
    [ ! -e "$REGISTRY_FOLDER/broken" ] || exit 1
    for argument in "$@"; do
        case $argument in
        --set=*.tags=*) echo "sha256:built" >"$(file "${argument#*.tags=}")" ;;
        --metadata-file=*)
            digest='{"containerimage.digest": "sha256:built"}'
            echo "{\\"torchserve\\": $digest, \\"frontend\\": $digest}" >"${argument#*=}"
            ;;
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
    monkeypatch.setattr(publish, "CHECKSUMS", tmp_path / "build/images.sha256")
    return tmp_path


def run(*commands: str) -> None:
    for command in commands:
        publish.app([command], standalone_mode=False)


def tag(registry: Path, image: str, name: str) -> Path:
    return registry / f"tag {image}:{name}".replace("/", "-").replace(":", "-")


def test_a_build_is_pushed_as_a_candidate_with_sbom_and_provenance(registry: Path) -> None:
    run("build")
    *_, call = (registry / "calls").read_text().splitlines()
    assert {
        "--builder=doubleit",
        "--file=docker/bake.hcl",
        f"--set=torchserve.tags={BACKEND}:candidate-{COMMIT}",
        "--push",
        "--sbom=true",
        "--provenance=mode=max",
        f"--set=torchserve.cache-from=type=registry,ref={BACKEND}:cache",
    } <= set(call.split())
    assert not tag(registry, BACKEND, COMMIT).exists()
    assert (registry / "outputs").read_text().splitlines() == [
        f"BACKEND_IMAGE={BACKEND}@sha256:built",
        "FRONTEND_IMAGE=registry.example/project/images/doubleit-frontend@sha256:built",
    ]
    assert (registry / "build/images.sha256").read_text().splitlines() == [
        f"built  {BACKEND}",
        "built  registry.example/project/images/doubleit-frontend",
    ]


def test_the_builder_is_made_once_for_each_version_of_buildkit(registry: Path) -> None:
    def made() -> int:
        return (registry / "calls").read_text().count("buildx create --name=doubleit")

    run("build", "build")
    assert made() == 1
    assert publish.BUILDKIT in (registry / "builder").read_text()
    (registry / "builder").write_text("Driver Options: image=moby/buildkit:older\n")
    run("build")
    assert made() == 2


def test_what_passed_is_tagged_and_not_built_again(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("build")
    (registry / "calls").unlink()
    monkeypatch.setenv("GITHUB_REF_NAME", f"v{version()}")
    run("accept", "release", "accept", "release")  # repeating a run changes nothing
    for name in (COMMIT, f"v{version()}"):
        assert tag(registry, BACKEND, name).read_text() == "sha256:built\n"
    assert "bake" not in (registry / "calls").read_text()


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("done", "command", "message"),
    [
        ([], "accept", f"no {BACKEND}:candidate-{COMMIT}: make publish builds it"),
        ([], "release", f"no {BACKEND}:{COMMIT}: push this commit to main first"),
        (["build"], "release", f"no {BACKEND}:{COMMIT}: push this commit to main first"),
    ],
    ids=["tests of nothing", "nothing built", "not tested"],
)
def test_a_step_needs_the_one_before(done: list[str], command: str, message: str) -> None:
    run(*done)
    with pytest.raises(SystemExit, match=message):
        run(command)


def test_a_version_stays_the_image_that_it_was(registry: Path) -> None:
    run("build", "accept")
    tag(registry, BACKEND, f"v{version()}").write_text("sha256:earlier\n")
    with pytest.raises(SystemExit, match="is already another image"):
        run("release")
    assert tag(registry, BACKEND, f"v{version()}").read_text() == "sha256:earlier\n"


@pytest.mark.usefixtures("registry")
def test_a_tag_that_is_not_the_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_REF_NAME", "v0.0.1")
    with pytest.raises(SystemExit, match="the tag is v0.0.1, and pyproject.toml says"):
        run("release")


def test_an_unreachable_registry_is_not_taken_for_an_empty_one(registry: Path) -> None:
    (registry / "offline").touch()
    with pytest.raises(SystemExit, match="cannot look up .*: dial tcp"):
        run("release")


def test_a_build_that_fails_gives_no_image(registry: Path) -> None:
    (registry / "broken").touch()
    with pytest.raises(SystemExit, match="docker buildx bake ended with 1"):
        run("build")
    assert not (registry / "outputs").exists()


@pytest.mark.usefixtures("registry")
def test_no_registry_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REGISTRY")
    with pytest.raises(SystemExit, match="REGISTRY is not set"):
        run("build")
