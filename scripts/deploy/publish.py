"""Build the images once for each commit, and tag them after tests and for a release.

    python -m scripts.deploy.publish build      build and push as :candidate-COMMIT
    python -m scripts.deploy.publish accept     tag the tested candidates :COMMIT
    python -m scripts.deploy.publish release    tag the images of COMMIT :vVERSION

Only the first command builds. The others add a tag to a digest, so prod runs exactly the images
that were tested and that dev ran. REGISTRY is the folder of the images, such as
HOST/PROJECT/REPOSITORY. Each command prints BACKEND_IMAGE and FRONTEND_IMAGE by digest, adds them
to GITHUB_OUTPUT, and writes the digests to build/images.sha256, in the format of `sha256sum`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import typer

from scripts.project import version
from server.store.paths import ROOT

# For each service: the target in docker/bake.hcl and the image's name.
IMAGES = {
    "backend": ("torchserve", "doubleit-torchserve"),
    "frontend": ("frontend", "doubleit-frontend"),
}

# Docker Engine's default builder can neither export a cache nor attach an SBOM, so images are built
# by this BuildKit, which is also the same one everywhere.
BUILDER = "doubleit"
BUILDKIT = (
    "moby/buildkit:v0.32.0@sha256:1f8167fcb0eca5b7126353d35299386945cbb8949cc516c592a49f80cfce4fa2"
)

# The subjects of the attestation in .github/workflows/deploy.yml.
CHECKSUMS = ROOT / "build/images.sha256"

PLATFORM = "linux/amd64"  # the only one that Cloud Run runs

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def build() -> None:
    """Build both images, with SBOM and provenance, and push them as :candidate-COMMIT."""
    commit = _commit()
    options = []
    for target, name in IMAGES.values():
        image = f"{_registry()}/{name}"
        # The cache is in the registry, so only accounts that may push images can write it.
        options += [
            f"--set={target}.tags={image}:candidate-{commit}",
            f"--set={target}.cache-from=type=registry,ref={image}:cache",
            f"--set={target}.cache-to=type=registry,ref={image}:cache,mode=max,image-manifest=true",
        ]
    _make_builder()
    with tempfile.TemporaryDirectory() as folder:
        metadata = Path(folder) / "metadata.json"
        done = subprocess.run(
            [
                *("docker", "buildx", "bake", f"--builder={BUILDER}"),
                *("--file=docker/bake.hcl", "--push"),
                *("--sbom=true", "--provenance=mode=max", f"--metadata-file={metadata}"),
                *options,
            ],
            cwd=ROOT,
            env={**os.environ, "VERSION": version(), "REVISION": commit, "PLATFORM": PLATFORM},
            check=False,
        )
        if done.returncode:
            sys.exit(f"publish: docker buildx bake ended with {done.returncode}")
        built = json.loads(metadata.read_text())
    _announce({target: built[target]["containerimage.digest"] for target, _ in IMAGES.values()})


@app.command()
def accept() -> None:
    """Name the candidates :COMMIT, after their tests passed."""
    commit = _commit()
    _announce(
        {
            target: _name(name, f"candidate-{commit}", commit, "make publish builds it")
            for target, name in IMAGES.values()
        }
    )


@app.command()
def release() -> None:
    """Name the images of this commit :vVERSION, unless that is already another image."""
    number = version()
    pushed = os.environ.get("GITHUB_REF_NAME", "")
    if pushed and pushed != f"v{number}":
        sys.exit(f"publish: the tag is {pushed}, and pyproject.toml says {number}")
    remedy = "push this commit to main first, and let it pass"
    _announce(
        {target: _name(name, _commit(), f"v{number}", remedy) for target, name in IMAGES.values()}
    )


def _make_builder() -> None:
    """Create the builder, unless it exists with this BuildKit."""
    buildx = ["docker", "buildx"]
    inspect = [*buildx, "inspect", BUILDER]
    found = subprocess.run(inspect, capture_output=True, text=True, check=False)
    if found.returncode == 0 and BUILDKIT in found.stdout:
        return
    if found.returncode == 0:
        subprocess.run([*buildx, "rm", BUILDER], check=True)
    create = ["create", f"--name={BUILDER}", "--driver=docker-container"]
    done = subprocess.run([*buildx, *create, f"--driver-opt=image={BUILDKIT}"], check=False)
    if done.returncode:
        sys.exit(f"publish: docker buildx create ended with {done.returncode}")


def _name(name: str, tag: str, new: str, remedy: str) -> str:
    """Add the tag `new` to the image that `tag` names, and return its digest."""
    image = f"{_registry()}/{name}"
    found = _digest(f"{image}:{tag}")
    if found is None:
        sys.exit(f"publish: no {image}:{tag}: {remedy}")
    existing = _digest(f"{image}:{new}")
    if existing not in (None, found):
        sys.exit(f"publish: {image}:{new} is already another image ({existing})")
    create = ["docker", "buildx", "imagetools", "create", "--prefer-index=false"]
    done = subprocess.run([*create, f"--tag={image}:{new}", f"{image}@{found}"], check=False)
    if done.returncode:
        sys.exit(f"publish: docker buildx imagetools create ended with {done.returncode}")
    if (named := _digest(f"{image}:{new}")) != found:
        sys.exit(f"publish: {image}:{new} is {named}, not {found}")
    return found


def _digest(reference: str) -> str | None:
    done = subprocess.run(
        ["docker", "buildx", "imagetools", "inspect", "--format={{json .Manifest}}", reference],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return str(json.loads(done.stdout)["digest"])
    if "not found" in done.stderr.lower():
        return None
    sys.exit(f"publish: cannot look up {reference}: {done.stderr.strip()}")


def _registry() -> str:
    registry = os.environ.get("REGISTRY", "").rstrip("/")
    if not registry:
        sys.exit("publish: REGISTRY is not set: HOST/PROJECT/REPOSITORY, the folder of the images")
    return registry


def _commit() -> str:
    git = ["git", "rev-parse", "HEAD"]
    done = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _announce(digests: dict[str, str]) -> None:
    CHECKSUMS.parent.mkdir(exist_ok=True)
    CHECKSUMS.write_text(
        "".join(
            f"{digests[target].removeprefix('sha256:')}  {_registry()}/{name}\n"
            for target, name in IMAGES.values()
        )
    )
    for service, (target, name) in IMAGES.items():
        line = f"{service.upper()}_IMAGE={_registry()}/{name}@{digests[target]}"
        print(line, flush=True)
        if path := os.environ.get("GITHUB_OUTPUT"):
            with Path(path).open("a") as outputs:
                outputs.write(f"{line}\n")


if __name__ == "__main__":
    app()
