"""The images can be built for each platform: every package that they contain has a wheel for it."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from packaging.markers import Marker
from packaging.utils import parse_wheel_filename

from server.store.paths import ROOT

LOCK: list[dict[str, Any]] = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
PACKAGES = {package["name"]: package for package in LOCK}
GROUPS = PACKAGES["doubleit-on-torchserve"]["dev-dependencies"]


def installed(dockerfile: str, machine: str) -> set[str]:
    """Return the names of the packages that a Dockerfile installs from the lock file."""
    linux = {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": machine}
    text = (ROOT / "docker" / dockerfile).read_text()
    waiting = [it for group in re.findall(r"--(?:only-)?group (\w+)", text) for it in GROUPS[group]]
    names: set[tuple[str, str]] = set()
    while waiting:
        it = waiting.pop()
        if "marker" in it and not Marker(it["marker"]).evaluate(linux):
            continue
        package = PACKAGES[it["name"]]
        for extra in ("", *it.get("extra", [])):
            if (it["name"], extra) not in names:
                names.add((it["name"], extra))
                optional = package.get("optional-dependencies", {}).get(extra, [])
                waiting += optional if extra else package.get("dependencies", [])
    return {name for name, _ in names}


def platforms(package: dict[str, Any]) -> Iterator[str]:
    """Yield the platforms of a package's wheels for this version of Python."""
    for wheel in package.get("wheels", []):
        assert wheel["hash"].startswith("sha256:")
        for tag in parse_wheel_filename(wheel["url"].rpartition("/")[2])[3]:
            if tag.interpreter in {"cp311", "py3"} or tag.abi == "abi3":
                yield tag.platform


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("dockerfile", ["torchserve.Dockerfile", "frontend.Dockerfile"])
def test_every_package_has_a_wheel_with_a_hash(dockerfile: str, machine: str) -> None:
    names = installed(dockerfile, machine)
    assert len(names) > 20
    # The CPU builds of torch are in docker/torch.txt, with the hashes of both platforms.
    for name in names - {"torch"}:
        fits = re.compile(rf"any|manylinux.*_{machine}")
        assert any(map(fits.fullmatch, platforms(PACKAGES[name]))), f"{name} has no wheel"
