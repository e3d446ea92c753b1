"""scripts/deploy/publish.sh: images are built once and tagged as they pass the tests."""

import shutil
from pathlib import Path

import pytest

from scripts.project import version
from server.store.paths import ROOT
from tests.iac.workplace import Workplace
from tests.support.containers import output

BACKEND = "registry.example/project/images/doubleit-torchserve"
COMMIT = output(["git", "rev-parse", "HEAD"])
VERSION = f"v{version()}"


class Registry(Workplace):
    """A registry with the images of this commit."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (self.bin / "docker").symlink_to(Path(__file__).parent / "stand_ins/docker")
        shutil.copy(ROOT / "pyproject.toml", self.project)
        self.outputs = folder / "outputs"

    def publish(self, *commands: str, error: str | None = None, **changed: str) -> None:
        """Run commands of the script; with `error`, each must fail and print that."""
        settings = {
            "GIT_DIR": output(["git", "rev-parse", "--absolute-git-dir"]),
            "REGISTRY": "registry.example/project/images/",
            "GITHUB_OUTPUT": str(self.outputs),
        }
        for command in commands:
            self.run("publish.sh", command, error=error, **(settings | changed))

    def tag(self, name: str) -> Path:
        return self.cloud / f"tag {BACKEND}:{name}".replace("/", "-").replace(":", "-")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path)


def test_a_build_is_pushed_as_a_candidate_with_sbom_and_provenance(registry: Registry) -> None:
    registry.publish("build")
    (call,) = (call for call in registry.calls() if " bake " in call)
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
    assert registry.outputs.read_text().splitlines() == [
        f"BACKEND_IMAGE={BACKEND}@sha256:b1d",
        "FRONTEND_IMAGE=registry.example/project/images/doubleit-frontend@sha256:b1d",
    ]
    assert (registry.project / "build/images.sha256").read_text().splitlines() == [
        f"b1d  {BACKEND}",
        "b1d  registry.example/project/images/doubleit-frontend",
    ]


def test_the_builder_is_made_once_for_each_version_of_buildkit(registry: Registry) -> None:
    registry.publish("build", "build")
    builder = registry.cloud / "builder"
    assert sum("buildx create --name=doubleit" in call for call in registry.calls()) == 1
    builder.write_text("Driver Options: image=moby/buildkit:older\n")
    registry.publish("build")
    assert sum("buildx create --name=doubleit" in call for call in registry.calls()) == 2
    assert "@sha256:" in builder.read_text()


def test_what_passed_is_tagged_and_not_built_again(registry: Registry) -> None:
    registry.publish("build")
    registry.forget_calls()
    # Repeating a run changes nothing.
    registry.publish("accept", "release", "accept", "release", GITHUB_REF_NAME=VERSION)
    for name in (COMMIT, VERSION):
        assert registry.tag(name).read_text() == "sha256:b1d\n"
    assert not any(" bake " in call for call in registry.calls())


def test_a_commit_that_is_deployed_again_gets_its_new_build_and_a_release_keeps_its_own(
    registry: Registry,
) -> None:
    registry.publish("build", "accept", "release")
    registry.tag(f"candidate-{COMMIT}").write_text("sha256:a9a1\n")
    registry.publish("accept")
    assert registry.tag(COMMIT).read_text() == "sha256:a9a1\n"
    registry.publish("release", error="is already another image (sha256:b1d)")
    assert registry.tag(VERSION).read_text() == "sha256:b1d\n"


def test_a_step_needs_the_one_before(registry: Registry) -> None:
    untested = f"no {BACKEND}:{COMMIT}: push this commit to main first"
    registry.publish("release", error=untested)
    registry.publish("accept", error=f"no {BACKEND}:candidate-{COMMIT}: make publish builds it")
    registry.publish("build")
    registry.publish("release", error=untested)


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
        (registry.cloud / file).touch()
    registry.publish(command, error=error, **variables)
    assert not registry.outputs.exists()
