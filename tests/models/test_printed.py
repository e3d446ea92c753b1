"""The metadata and requests that `make archive` prints work on the server."""

from __future__ import annotations

import json
import subprocess

import pytest
import requests

from tests.models.kinds import KINDS, Kind
from tests.models.serving import Serving


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_printed_command_works(serving: Serving, kind: Kind) -> None:
    serving.module(kind)
    commands = [line for line in serving.printed[kind.name].splitlines() if "curl" in line]
    assert commands
    for command in commands:
        asked = command.replace("curl ", "curl --silent --show-error --fail-with-body ")
        asked = asked.replace("http://127.0.0.1:8080", serving.server.url)
        done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        json.loads(done.stdout)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_metadata_has_the_names_that_were_printed(serving: Serving, kind: Kind) -> None:
    serving.module(kind)
    url = f"{serving.server.url}/predictions/{kind.name}/1.0/metadata"
    found = requests.get(url, timeout=10).json()
    assert (found["name"], found["versions"]) == (kind.name, ["1.0"])
    for tensor in (*found["inputs"], *found["outputs"]):
        assert f" {tensor['name']} " in serving.printed[kind.name]
    assert [tensor["name"] for tensor in found["outputs"]] in ([], list(kind.outputs))
