"""Every command of README.md and docs/own-model.md runs as documented."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from server.store.paths import ROOT
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
    # If make runs the tests, its variables must not reach the command.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def test_the_readme_shows_what_happens(server: Server) -> None:
    port = server.ports["PORT"]
    printed = re.search(r"^curl .*$", server.output(), re.MULTILINE)
    assert printed
    assert run(printed[0], port) == "[2,4,6,8]"
    requests = [(c, output) for c, output in commands("README.md") if c.startswith("curl")]
    assert len(requests) >= 8
    for command, output in requests:
        assert run(command, port) == output


def test_your_own_model_goes_the_way_that_the_page_shows(tmp_path: Path) -> None:
    page = "docs/own-model.md"
    # Without uv and java on PATH.
    folders = [p for p in os.environ["PATH"].split(":") if not (Path(p) / "java").exists()]
    own = {"PATH": ":".join([str(Path(sys.executable).parent), *folders, "/bin"])}
    (save, ask), (settings,) = blocks(page, "python"), blocks(page, "yaml")
    (archive, found), (serve, _), (curl, answer) = commands(page)
    build = ROOT / "build"
    build.mkdir(exist_ok=True)
    made = [
        *(build / f"classifier.{kind}" for kind in ("pt", "yaml")),
        ROOT / "model_store" / "classifier-1.0.mar",
    ]
    kept = {path: path.read_bytes() for path in made if path.exists()}
    for path in made:
        path.unlink(missing_ok=True)
    try:
        python(save)
        made[1].write_text(settings)
        assert run(archive, int(PORT)).rstrip().endswith(found)
        assert serve == "make serve NAME=classifier"
        with Made(ROOT / "model_store", tmp_path / "log", "classifier", environment=own) as server:
            port = server.ports["PORT"]
            expected = json.loads(answer)
            assert json.loads(run(curl, port)) == [pytest.approx(expected[0], abs=0.001)]
            printed = [line for line in found.splitlines() if "curl" in line]
            assert [bool(json.loads(run(line, port))) for line in printed] == [True] * 3
            shown = python(ask.replace(f":{PORT}", f":{port}"))
            assert [float(n) for n in re.findall(r"[0-9.]+", shown)] == pytest.approx(
                expected[0], abs=0.001
            )
    finally:
        for path in made:
            path.unlink(missing_ok=True)
        for path, data in kept.items():
            path.write_bytes(data)


def python(program: str) -> str:
    """Run a program from the page in the root folder; return its output."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout
