"""One server for all models."""

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import torch

from scripts.model import archiver
from tests.models.kinds import KINDS, Kind
from tests.support.operators import ONE_WORKER
from tests.support.server import Server


class Serving(Server):
    """A server, and the modules of the models that it serves, for direct calls.

    Attributes:
        printed: the output of `make archive` for each model.
    """

    def __init__(self, folder: Path) -> None:
        self.store = folder
        self.printed = {kind.name: self.package(kind) for kind in KINDS}
        # There are more models than cores.
        super().__init__(folder, folder / "log", ",".join(self.printed), environment=ONE_WORKER)

    def package(self, kind: Kind) -> str:
        """Put a model into the store; return what `make archive` prints."""
        with redirect_stdout(io.StringIO()) as printed:
            archiver.main(kind.name, "1.0", kind.save(self.store), None, self.store)
        return printed.getvalue()

    def module(self, kind: Kind) -> torch.jit.ScriptModule:
        """Return the module of a model."""
        module: torch.jit.ScriptModule = torch.jit.load(str(self.store / f"{kind.name}.pt"))
        return module


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("models")) as serving:
        yield serving
