"""Fixtures: stand-ins for terraform and gcloud, and real servers for the deployed services."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.deploy import environment
from server.store.paths import ROOT
from tests.support.server import Server
from tests.support.web import respond_with

STAND_INS = Path(__file__).parent / "stand_ins"


class Cloud:
    """The folder with the stand-ins' records and settings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def applied(self) -> list[str]:
        return [call.removeprefix("apply ") for call in self.calls if call.startswith("apply ")]

    def tell(self, name: str, *lines: str) -> None:
        (self.folder / name).write_text("\n".join(lines))


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> Iterator[Cloud]:
    """Provide an empty dev whose API is the real server, and a copy of the project for iac.sh."""
    project = tmp_path / "project"
    (project / "iac/environment").mkdir(parents=True)
    (project / "scripts/deploy").mkdir(parents=True)
    for script in ("iac.sh", "dotenv.sh"):
        shutil.copy2(ROOT / "scripts/deploy" / script, project / "scripts/deploy")
    programs = tmp_path / "bin"
    shutil.copytree(STAND_INS, programs)
    folder = tmp_path / "cloud"
    folder.mkdir()
    monkeypatch.setattr(environment, "ROOT", project)
    workflow = "GITHUB_OUTPUT GITHUB_STEP_SUMMARY GITHUB_REF_TYPE GCP_DEPLOYER ATTESTATIONS"
    for name in ("PROVIDER_SETUP", *workflow.split()):
        monkeypatch.delenv(name, raising=False)
    with (
        respond_with(
            lambda path: (200, b"ok") if path == "/_stcore/health" else (500, b"")
        ) as page,
        respond_with(lambda _: (500, b"broken")) as sick,
    ):
        settings = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "CLOUD": str(folder),
            "HEALTHY_BACKEND": server.url,
            "HEALTHY_FRONTEND": page,
            "SICK": sick,
            "PROJECT_ID": "my-project",
            "STATE_BUCKET": "my-project-tfstate",
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield Cloud(folder)
