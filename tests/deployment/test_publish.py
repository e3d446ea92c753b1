"""scripts/deploy/publish.sh: images are built once and tagged as they pass the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from scripts.project import version
from server.store.paths import ROOT
from tests.support.containers import output

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
        --set=*.tags=*) echo "sha256:b1d" >"$(file "${argument#*.tags=}")" ;;
        esac
    done
    ;;
"buildx imagetools inspect "*)
    if [ -e "$REGISTRY_FOLDER/offline" ]; then echo "dial tcp: refused" >&2; exit 1; fi
    cat "$(file "${!#}")" 2>/dev/null || { echo "ERROR: ${!#}: not found" >&2; exit 1; }
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
COMMIT = output(["git", "rev-parse", "HEAD"])
VERSION = f"v{version()}"


class Registry:
    """A copy of the script, and the folder of the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "scripts/deploy").mkdir(parents=True)
        self.script = shutil.copy2(ROOT / "scripts/deploy/publish.sh", folder / "scripts/deploy")
        shutil.copy(ROOT / "pyproject.toml", folder)
        (folder / "docker").write_text(DOCKER)
        (folder / "docker").chmod(0o755)
        self.settings = {
            "GIT_DIR": output(["git", "rev-parse", "--absolute-git-dir"]),
            "PATH": f"{folder}:{os.environ['PATH']}",
            "REGISTRY_FOLDER": str(folder),
            "REGISTRY": "registry.example/project/images/",
            "GITHUB_OUTPUT": str(folder / "outputs"),
            "GITHUB_REF_NAME": "",
        }

    def run(self, *commands: str, error: str | None = None, **changed: str) -> None:
        """Run commands of the script; with `error`, each must fail and print that."""
        for command in commands:
            done = subprocess.run(
                [self.script, command],
                env=self.settings | changed,
                capture_output=True,
                text=True,
                check=False,
            )
            assert bool(done.returncode) is (error is not None), done.stderr
            assert (error or "") in done.stderr

    @property
    def calls(self) -> str:
        return (self.folder / "calls").read_text()

    def tag(self, name: str) -> Path:
        return self.folder / f"tag {BACKEND}:{name}".replace("/", "-").replace(":", "-")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


def test_a_build_is_pushed_as_a_candidate_with_sbom_and_provenance(registry: Registry) -> None:
    registry.run("build")
    (call,) = (line for line in registry.calls.splitlines() if " bake " in line)
    assert {
        "--builder=doubleit",
        "--file=docker/bake.hcl",
        f"--set=torchserve.tags={BACKEND}:candidate-{COMMIT}",
        "--push",
        "--sbom=true",
        "--provenance=mode=max",
        f"--set=torchserve.cache-from=type=registry,ref={BACKEND}:cache",
    } <= set(call.split())
    assert not registry.tag(COMMIT).exists()
    assert (registry.folder / "outputs").read_text().splitlines() == [
        f"BACKEND_IMAGE={BACKEND}@sha256:b1d",
        "FRONTEND_IMAGE=registry.example/project/images/doubleit-frontend@sha256:b1d",
    ]
    assert (registry.folder / "build/images.sha256").read_text().splitlines() == [
        f"b1d  {BACKEND}",
        "b1d  registry.example/project/images/doubleit-frontend",
    ]


def test_the_builder_is_made_once_for_each_version_of_buildkit(registry: Registry) -> None:
    registry.run("build", "build")
    assert registry.calls.count("buildx create --name=doubleit") == 1
    (registry.folder / "builder").write_text("Driver Options: image=moby/buildkit:older\n")
    registry.run("build")
    assert registry.calls.count("buildx create --name=doubleit") == 2
    assert "@sha256:" in (registry.folder / "builder").read_text()


def test_what_passed_is_tagged_and_not_built_again(registry: Registry) -> None:
    registry.run("build")
    (registry.folder / "calls").unlink()
    # Repeating a run changes nothing.
    registry.run("accept", "release", "accept", "release", GITHUB_REF_NAME=VERSION)
    for name in (COMMIT, VERSION):
        assert registry.tag(name).read_text() == "sha256:b1d\n"
    assert "bake" not in registry.calls


def test_a_commit_that_is_deployed_again_gets_its_new_build_and_a_release_keeps_its_own(
    registry: Registry,
) -> None:
    registry.run("build", "accept", "release")
    registry.tag(f"candidate-{COMMIT}").write_text("sha256:a9a1\n")
    registry.run("accept")
    assert registry.tag(COMMIT).read_text() == "sha256:a9a1\n"
    registry.run("release", error="is already another image (sha256:b1d)")
    assert registry.tag(VERSION).read_text() == "sha256:b1d\n"


def test_a_step_needs_the_one_before(registry: Registry) -> None:
    untested = f"no {BACKEND}:{COMMIT}: push this commit to main first"
    registry.run("release", error=untested)
    registry.run("accept", error=f"no {BACKEND}:candidate-{COMMIT}: make publish builds it")
    registry.run("build")
    registry.run("release", error=untested)


@pytest.mark.parametrize(
    ("file", "command", "variables", "error"),
    [
        ("", "release", {"GITHUB_REF_NAME": "v0.0.1"}, "the tag is v0.0.1, and pyproject.toml"),
        ("", "build", {"REGISTRY": ""}, "REGISTRY is not set"),
        ("offline", "release", {}, "dial tcp: refused"),  # not taken for an empty registry
        ("broken", "build", {}, ""),
    ],
)
def test_what_fails_says_why_and_gives_no_image(
    registry: Registry, file: str, command: str, variables: dict[str, str], error: str
) -> None:
    if file:
        (registry.folder / file).touch()
    registry.run(command, error=error, **variables)
    assert not (registry.folder / "outputs").exists()
