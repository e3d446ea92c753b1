"""One server for all models: each is packaged and registered when a test first uses it."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

import requests
import torch

from scripts.model import archiver
from tests.models.forms import Sent
from tests.models.kinds import BY_NAME, Kind
from tests.support.server import Server

# The model that the server starts with.
FIRST = "classifier"


class Serving(Server):
    """A server, and the modules of the models that it serves, for direct calls."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._modules: dict[str, torch.jit.ScriptModule] = {}
        # The output of `make archive` for each model.
        self.printed: dict[str, str] = {}
        self._package(BY_NAME[FIRST])
        # A worker for each model: there are more models than cores.
        one = {"TS_DEFAULT_WORKERS_PER_MODEL": "1"}
        super().__init__(folder, folder / "log", FIRST, environment=one)

    def module(self, kind: Kind) -> torch.jit.ScriptModule:
        """Return the module of a model; register the model on the server if needed."""
        if kind.name not in self._modules:
            self._package(kind)
            self.register(f"{kind.name}-1.0.mar")
        return self._modules[kind.name]

    def send(self, sent: Sent) -> requests.Response:
        """Send a request."""
        return self.post(sent.body, sent.path, **sent.headers)

    def _package(self, kind: Kind) -> None:
        path = kind.save(self._folder)
        with redirect_stdout(io.StringIO()) as printed:
            archiver.main(kind.name, "1.0", path, None, self._folder)
        self.printed[kind.name] = printed.getvalue()
        self._modules[kind.name] = torch.jit.load(str(path))
