"""Build the images and push them, or give a release's name to images that were pushed before.

    python -m scripts.deploy.publish build      :COMMIT, built from this checkout
    python -m scripts.deploy.publish release    :VERSION, for the images that carry :COMMIT already

A release is built once: what its tag names is what the tests of main and the dev environment saw,
byte for byte. REGISTRY is the folder of the images, such as HOST/PROJECT/REPOSITORY. Prints (and
adds to GITHUB_OUTPUT) BACKEND_IMAGE and FRONTEND_IMAGE, by digest.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.project import version
from scripts.store.paths import ROOT

# By service: the image and its Dockerfile.
IMAGES = {
    "backend": ("doubleit-torchserve", "docker/torchserve.Dockerfile"),
    "frontend": ("doubleit-frontend", "docker/frontend.Dockerfile"),
}


def build(image: str, dockerfile: str, commit: str) -> str:
    """Build and push IMAGE:COMMIT with its cache, SBOM and provenance; return its digest."""
    with tempfile.TemporaryDirectory() as folder:
        metadata = Path(folder) / "metadata.json"
        # The cache lies in the registry: only whoever may push images can write it.
        _docker(
            *("buildx", "build", "--platform=linux/amd64", f"--file={dockerfile}"),
            *(f"--tag={image}:{commit}", "--push", "--sbom=true", "--provenance=mode=max"),
            *(f"--build-arg=VERSION={version()}", f"--build-arg=REVISION={commit}"),
            f"--cache-from=type=registry,ref={image}:cache",
            f"--cache-to=type=registry,ref={image}:cache,mode=max,image-manifest=true",
            *(f"--metadata-file={metadata}", "."),
        )
        return str(json.loads(metadata.read_text())["containerimage.digest"])


def release(image: str, commit: str) -> str:
    """Tag IMAGE:COMMIT as IMAGE:VERSION without a change to it; return its digest."""
    found = _digest(f"{image}:{commit}")
    if found is None:
        sys.exit(f"publish: no {image}:{commit}: push this commit to main first, and let it pass")
    tag = f"{image}:{version()}"
    released = _digest(tag)
    if released not in (None, found):
        sys.exit(
            f"publish: {tag} is another image already ({released}): a release stays what it was"
        )
    create = ("buildx", "imagetools", "create", "--prefer-index=false")
    _docker(*create, f"--tag={tag}", f"{image}@{found}")
    if (named := _digest(tag)) != found:
        sys.exit(f"publish: {tag} came out as {named}, not as {found}")
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
    sys.exit(f"publish: cannot look {reference} up: {done.stderr.strip()}")


def _docker(*arguments: str) -> None:
    done = subprocess.run(["docker", *arguments], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(f"publish: docker {arguments[0]} {arguments[1]} ended with {done.returncode}")


def main() -> None:
    """Publish as the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("command", choices=["build", "release"])
    command = parser.parse_args().command
    registry = os.environ.get("REGISTRY", "").rstrip("/")
    if not registry:
        sys.exit("publish: REGISTRY is not set: HOST/PROJECT/REPOSITORY, the folder of the images")
    pushed = os.environ.get("GITHUB_REF_NAME", "")
    if command == "release" and pushed and pushed != f"v{version()}":
        sys.exit(f"publish: the tag is {pushed}, and pyproject.toml says {version()}")
    git = ["git", "rev-parse", "HEAD"]
    commit = subprocess.run(
        git, cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    for service, (name, dockerfile) in IMAGES.items():
        image = f"{registry}/{name}"
        digest = build(image, dockerfile, commit) if command == "build" else release(image, commit)
        line = f"{service.upper()}_IMAGE={image}@{digest}"
        print(line, flush=True)
        if path := os.environ.get("GITHUB_OUTPUT"):
            with Path(path).open("a") as outputs:
                outputs.write(f"{line}\n")


if __name__ == "__main__":
    main()
