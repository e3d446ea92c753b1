"""The metadata and requests that `make archive` prints work on the server."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.models.kinds import KINDS, Kind
from tests.models.serving import Serving


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_printed_command_works_and_every_name_is_in_the_metadata(
    serving: Serving, kind: Kind
) -> None:
    serving.module(kind)
    printed = serving.printed[kind.name]
    commands = [line for line in printed.splitlines() if "curl" in line]
    assert commands
    for command in commands:
        asked = command.replace("curl ", "curl --silent --show-error --fail-with-body ")
        asked = asked.replace("http://127.0.0.1:8080", serving.url)
        done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        json.loads(done.stdout)
    found = serving.client.of(kind.name).metadata("1.0")
    assert (found["name"], found["versions"]) == (kind.name, ["1.0"])
    for tensor in (*found["inputs"], *found["outputs"]):
        assert f" {tensor['name']} " in printed
    assert [tensor["name"] for tensor in found["outputs"]] in ([], list(kind.outputs))
