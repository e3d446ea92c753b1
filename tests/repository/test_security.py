"""The contents of TorchServe's jar match SECURITY.md and the scans."""

import importlib.metadata
import json
import re
import zipfile

from server.store.paths import ROOT
from server.torchserve.java import site_packages

CONTENTS = json.loads((ROOT / "docker/model-server.cdx.json").read_text())


def test_the_contents_are_those_of_the_jar_that_is_installed() -> None:
    assert CONTENTS["metadata"]["component"]["version"] == importlib.metadata.version("torchserve")
    with zipfile.ZipFile(site_packages() / "ts/frontend/model-server.jar") as jar:
        text = jar.read("META-INF/io.netty.versions.properties").decode()
    netty = dict(re.findall(r"^(netty-[a-z0-9-]+)\.version=(.+)$", text, re.MULTILINE))
    # Netty was built with this version of tcnative, but the jar does not contain it.
    del netty["netty-tcnative"]
    components = (it for it in CONTENTS["components"] if it["group"] == "io.netty")
    assert {it["name"]: it["version"] for it in components} == netty


def test_the_page_names_the_versions_that_are_frozen() -> None:
    rows = re.findall(
        r"^\| ([^|]+) \| ([\d.]+(?:Final)?) \|", (ROOT / "SECURITY.md").read_text(), re.MULTILINE
    )
    listed = {it["version"] for it in CONTENTS["components"]}
    assert rows
    assert {version for _, version in rows} <= listed
