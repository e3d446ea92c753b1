"""The contents of TorchServe's jar match SECURITY.md and the scans."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import zipfile
from pathlib import Path

import pytest
import yaml

from server.store.paths import ROOT

CONTENTS = json.loads((ROOT / "docker/model-server.cdx.json").read_text())


@pytest.fixture(scope="module")
def netty() -> dict[str, str]:
    """Return Netty's modules in the jar, with their versions."""
    package = importlib.util.find_spec("ts")
    assert package
    assert package.origin
    with zipfile.ZipFile(Path(package.origin).parent / "frontend/model-server.jar") as jar:
        text = jar.read("META-INF/io.netty.versions.properties").decode()
    return dict(re.findall(r"^(netty-[a-z0-9-]+)\.version=(.+)$", text, re.MULTILINE))


def test_the_contents_are_those_of_the_torchserve_that_is_installed() -> None:
    about = CONTENTS["metadata"]["component"]
    assert about["version"] == importlib.metadata.version("torchserve")


def test_the_contents_name_netty_as_the_jar_does(netty: dict[str, str]) -> None:
    listed = {
        it["name"]: it["version"] for it in CONTENTS["components"] if it["group"] == "io.netty"
    }
    # Netty was built with this version of tcnative, but the jar does not contain it.
    assert listed == {module: v for module, v in netty.items() if module != "netty-tcnative"}


def test_every_ignored_finding_is_one_advisory_about_the_jar_with_a_reason() -> None:
    ignored = yaml.safe_load((ROOT / ".grype.yaml").read_text())["ignore"]
    components = {it["name"] for it in CONTENTS["components"]}
    for entry in ignored:
        assert re.fullmatch(r"(CVE|GHSA)-[0-9a-z-]+", entry["vulnerability"])
        assert entry["package"]["name"] in components
        assert len(entry["reason"]) > 20
    assert len({str(entry) for entry in ignored}) == len(ignored)


def test_the_page_names_the_versions_that_are_frozen() -> None:
    rows = re.findall(
        r"^\| ([^|]+) \| ([\d.]+(?:Final)?) \|", (ROOT / "SECURITY.md").read_text(), re.MULTILINE
    )
    listed = {it["version"] for it in CONTENTS["components"]}
    assert rows
    assert {version for _, version in rows} <= listed
