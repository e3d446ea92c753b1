"""Fixtures: stand-ins for terraform and gcloud, and real servers for the deployed services."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.deploy import environment
from tests.iac.workplace import Workplace
from tests.support.server import Server
from tests.support.web import respond_with


class Cloud(Workplace):
    """A workplace whose Terraform has a simulated Cloud Run."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        (self.bin / "terraform").unlink()
        (self.bin / "terraform").symlink_to(Path(__file__).parent / "stand_ins/terraform")

    @property
    def applied(self) -> list[str]:
        return [call.removeprefix("apply ") for call in self.calls() if call.startswith("apply ")]

    def tell(self, name: str, *lines: str) -> None:
        """Write a setting of the stand-in for Terraform."""
        (self.cloud / name).write_text("\n".join(lines))


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Server) -> Iterator[Cloud]:
    """Provide an empty dev whose API is the real server."""
    cloud = Cloud(tmp_path)
    monkeypatch.setattr(environment, "ROOT", cloud.project)
    workflow = "GITHUB_OUTPUT GITHUB_STEP_SUMMARY GITHUB_REF_TYPE GCP_DEPLOYER ATTESTATIONS"
    for name in ("PROVIDER_SETUP", *workflow.split()):
        monkeypatch.delenv(name, raising=False)
    pages = {"/_stcore/health": (200, b"ok")}
    with (
        respond_with(lambda path: pages.get(path, (500, b""))) as page,
        respond_with(lambda _: (500, b"broken")) as sick,
    ):
        settings = {
            "PATH": f"{cloud.bin}:/usr/bin:/bin",
            "CLOUD": str(cloud.cloud),
            "HEALTHY_BACKEND": server.url,
            "HEALTHY_FRONTEND": page,
            "SICK": sick,
        }
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield cloud
