"""A copy of the project's cloud scripts, with stand-ins for the programs that access the cloud."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from server.store.paths import ROOT

STAND_INS = Path(__file__).parent / "stand_ins"
# The only programs on PATH besides the stand-ins, so that a real gcloud on this machine is not
# used.
TOOLS = (
    "bash basename cat dirname env find grep head jq mkdir mktemp realpath "
    "rm sed sleep sort tail tar touch tr"
)
SETTINGS = {
    "PROJECT_ID": "my-project",
    "REGION": "us-central1",
    "GITHUB_REPOSITORY": "owner/name",
    "SA_NAME": "github-deployer",
    "ENVIRONMENTS": '"dev prod"',
}
CHANGES = (
    "services enable",
    "buckets create",
    "buckets update",
    "keys create",
    "keys delete",
    " apply ",
    "variable set",
    "secret set",
    "--method PUT",
    "--method POST",
)


class Workplace:
    """The copy, its stand-ins and their records."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.cloud = folder / "cloud"
        self.bin = folder / "bin"
        self.tmp = folder / "tmp"
        for made in (self.cloud, self.bin, self.tmp):
            made.mkdir(parents=True)
        shutil.copytree(
            ROOT / "iac", self.project / "iac", ignore=shutil.ignore_patterns(".terraform*")
        )
        shutil.copytree(ROOT / "scripts/deploy", self.project / "scripts/deploy")
        (self.cloud / "apis").write_text("storage.googleapis.com\n")
        for tool in TOOLS.split():
            found = shutil.which(tool)
            assert found, tool
            (self.bin / tool).symlink_to(found)
        for stand_in in STAND_INS.iterdir():
            (self.bin / stand_in.name).symlink_to(stand_in)
        self.write_settings()

    def write_settings(self, **changed: str) -> None:
        lines = [f"{name}={value}" for name, value in (SETTINGS | changed).items()]
        (self.project / ".env").write_text("# settings\n\n" + "\n".join(lines) + "\n")

    def environment(self, **extra: str) -> dict[str, str]:
        return {
            "PATH": str(self.bin),
            "HOME": str(self.tmp),
            "TMPDIR": str(self.tmp),
            "CLOUD": str(self.cloud),
        } | extra

    def run(self, script: str, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.project / "scripts/deploy" / script), *arguments],
            env=self.environment(**extra),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def interrupt_when_hanging(self, script: str, number: signal.Signals, *arguments: str) -> int:
        """Start the script in its own process group, as a terminal does, and signal the group."""
        (self.cloud / "hang").touch()
        log = self.cloud / "log"
        with (
            log.open("wb") as output,
            subprocess.Popen(
                [str(self.project / "scripts/deploy" / script), *arguments],
                env=self.environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ) as process,
        ):
            end = time.monotonic() + 30
            while not (self.cloud / "hanging").exists():
                assert process.poll() is None, (
                    f"it ended before the stand-in hung:\n{log.read_text()}"
                )
                assert time.monotonic() < end, f"the stand-in never hung:\n{log.read_text()}"
                time.sleep(0.02)
            os.killpg(process.pid, number)
            return process.wait(30)

    def fail(self, pattern: str) -> None:
        """Let all calls that match the pattern fail."""
        (self.cloud / "fail").write_text(pattern + "\n")

    def calls(self) -> list[str]:
        log = self.cloud / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def changes(self) -> list[str]:
        return [call for call in self.calls() if any(word in call for word in CHANGES)]

    def forget_calls(self) -> None:
        (self.cloud / "calls").unlink()

    def github(self, name: str, environment: str = "repository") -> str:
        return (self.cloud / "github" / environment / name).read_text()

    def key_files(self) -> list[Path]:
        """Return the files in the temporary folder and the project that contain a private key."""
        files = [path for top in (self.tmp, self.project) for path in top.rglob("*")]
        return [
            path
            for path in files
            if path.is_file() and "A-PRIVATE-KEY" in path.read_text(errors="replace")
        ]

    def valid_keys(self) -> list[str]:
        return sorted(path.name for path in self.cloud.glob("key-*"))
