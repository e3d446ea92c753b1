"""Every command of README.md and docs/own-model.md runs as documented."""

import json
import os
import re
import sys
import textwrap
from pathlib import Path

import pytest

from server.store.paths import ROOT
from tests.support.containers import output
from tests.support.repository import commands
from tests.support.server import Made, Server

PORT = "8080"


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / page).read_text()
    return [
        textwrap.dedent(b)
        for b in re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    ]


def run(command: str, port: int) -> str:
    command = command.replace("curl ", "curl -s ", 1).replace(f":{PORT}/", f":{port}/")
    return output(["bash", "-c", command])


def python(program: str) -> str:
    return output([sys.executable, "-W", "ignore", "-c", program])


def test_the_readme_shows_what_happens(server: Server) -> None:
    port = server.ports["PORT"]
    printed = re.search(r"^curl .*$", server.output(), re.MULTILINE)
    assert printed
    assert run(printed[0], port) == "[2,4,6,8]"
    requests = [(c, shown) for c, shown in commands("README.md") if c.startswith("curl")]
    assert len(requests) >= 8
    for command, shown in requests:
        assert run(command, port) == shown


def test_your_own_model_goes_the_way_that_the_page_shows(tmp_path: Path) -> None:
    page = "docs/own-model.md"
    # Without uv and java on PATH.
    folders = [p for p in os.environ["PATH"].split(":") if not (Path(p) / "java").exists()]
    own = {"PATH": ":".join([str(Path(sys.executable).parent), *folders, "/bin"])}
    (save, ask), (settings,) = blocks(page, "python"), blocks(page, "yaml")
    (archive, found), (serve, _), (curl, answer) = commands(page)
    python(save.replace("build", str(tmp_path)))
    (tmp_path / "classifier.yaml").write_text(settings)
    command = ["bash", "-c", archive.replace("build", str(tmp_path))]
    printed = output(command, {"MODEL_STORE": str(tmp_path)})
    assert printed.endswith(found.replace("model_store", str(tmp_path)))
    assert serve == "make serve NAME=classifier"
    with Made(tmp_path, tmp_path / "log", "classifier", environment=own) as server:
        port = server.ports["PORT"]
        expected = pytest.approx(json.loads(answer)[0], abs=0.001)
        assert json.loads(run(curl, port)) == [expected]
        requests = [line for line in found.splitlines() if "curl" in line]
        assert [bool(json.loads(run(line, port))) for line in requests] == [True] * 3
        shown = python(ask.replace(f":{PORT}", f":{port}"))
        assert [float(n) for n in re.findall(r"[0-9.]+", shown)] == expected
