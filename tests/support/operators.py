"""An operator who manages versions on the command line, and good and bad versions."""

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

from torch import nn

import server.versions.__main__
from scripts.model import archiver
from server.store.paths import ROOT
from tests.support import models
from tests.support.server import Server

# One worker loads in half the time of two, and loading takes most of the time of these tests.
ONE_WORKER = {"TS_DEFAULT_WORKERS_PER_MODEL": "1"}


class Operator:
    """Runs the command line for a server, with the server's environment.

    Commands run in this process, which saves the start of an interpreter, or in a new one.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self.store = Path(server.environment["MODEL_STORE"])

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "server.versions", *arguments],
            cwd=ROOT,
            env=self.server.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        """Return exit status, stdout and stderr."""
        out, err = io.StringIO(), io.StringIO()
        handler = signal.getsignal(signal.SIGTERM)
        try:
            with (
                redirect_stdout(out),
                redirect_stderr(err),
                patch.dict(os.environ, {**self.server.environment, **variables}),
            ):
                status = server.versions.__main__.run(arguments)
        except SystemExit as end:
            status = int(end.code or 0)
        finally:
            signal.signal(signal.SIGTERM, handler)
        return status, out.getvalue(), err.getvalue()

    def do(self, *arguments: str) -> str:
        """Run a command that must succeed; return its output."""
        status, out, err = self.run(*arguments)
        assert status == 0, err
        return out

    def refused(self, *arguments: str, **variables: str) -> str:
        """Run a command that must fail; return its one-line error."""
        status, out, err = self.run(*arguments, **variables)
        assert status == 1, out
        (line,) = err.splitlines()
        assert line.startswith("models: ")
        return line.removeprefix("models: ")

    def show(self, model: str = "doubleit") -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.do("--name", model, "list", "--json"))
        return shown

    def versions(self) -> tuple[str, list[str]]:
        """Return the server's default version and all its versions."""
        client = self.server.client
        return client.default_version(), list(client.versions())

    def reset(self) -> None:
        """Remove all versions except doubleit 1.0 from the server, and remove the records."""
        self.server.client.set_default("1.0")
        for model in self.models():
            client = self.server.client.of(model)
            # The default version cannot be removed while there are others.
            default = client.default_version()
            for version in sorted(client.versions(), key=default.__eq__):
                if (model, version) != ("doubleit", "1.0"):
                    client.unregister(version)
        for record in self.store.glob("*.json"):
            record.unlink()

    def models(self) -> list[str]:
        return self.server.client.models()

    def record(self, model: str = "doubleit") -> dict[str, Any]:
        record: dict[str, Any] = json.loads((self.store / f"{model}.json").read_text())
        return record

    def answering(self) -> str:
        """Return the version that handles requests whose URL names no version."""
        tensor = {"name": "x", "shape": [1], "datatype": "INT64", "data": [1]}
        answer = self.server.post(json.dumps({"inputs": [tensor]}), "/v2/models/doubleit/infer")
        version: str = answer.json()["model_version"]
        return version


def add(store: Path, version: str, module: nn.Module, settings: str = "") -> None:
    """Archive a version of doubleit with another model in the store."""
    model = models.save(module, store / f"m{version}.pt", settings)
    archiver.package(model, "doubleit", version, model.with_suffix(".yaml"), store)
