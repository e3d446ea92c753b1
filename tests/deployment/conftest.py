"""Fixtures: stand-ins for terraform and gcloud, and real servers for the deployed services."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.deploy import environment
from server.store.paths import ROOT
from tests.support.server import Server

STAND_INS = Path(__file__).parent / "stand_ins"


class Page(BaseHTTPRequestHandler):
    """Respond as a healthy or an unhealthy page."""

    def do_GET(self) -> None:
        healthy = self.path == "/_stcore/health" and getattr(self.server, "healthy", False)
        self.send_response(200 if healthy else 500)
        self.end_headers()
        self.wfile.write(b"ok" if healthy else b"broken")

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def serve(healthy: bool) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        server.healthy = healthy  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


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
    folder = tmp_path / "cloud"
    folder.mkdir()
    programs = tmp_path / "bin"
    programs.mkdir()
    for stand_in in STAND_INS.iterdir():
        (programs / stand_in.name).symlink_to(stand_in)
    monkeypatch.setattr(environment, "ROOT", project)
    for name in (
        "PROVIDER_SETUP",
        "GITHUB_OUTPUT",
        "GITHUB_STEP_SUMMARY",
        "GCP_DEPLOYER",
        "GITHUB_REF_TYPE",
        "ATTESTATIONS",
    ):
        monkeypatch.delenv(name, raising=False)
    settings = {
        "PATH": f"{programs}:/usr/bin:/bin",
        "CLOUD": str(folder),
        "HEALTHY_BACKEND": server.url,
        "PROJECT_ID": "my-project",
        "STATE_BUCKET": "my-project-tfstate",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with serve(healthy=True) as page, serve(healthy=False) as sick:
        monkeypatch.setenv("HEALTHY_FRONTEND", page)
        monkeypatch.setenv("SICK", sick)
        yield Cloud(folder)
