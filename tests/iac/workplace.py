"""A copy of the project's cloud scripts, with stand-ins for the programs that access the cloud."""

import shutil
import subprocess
from pathlib import Path

from server.store.paths import ROOT

STAND_INS = Path(__file__).parent / "stand_ins"
# The only programs on PATH besides the stand-ins, so that a real gcloud on this machine is not
# used.
TOOLS = (
    "bash basename cat dirname env find git grep head jq mkdir mktemp realpath "
    "rm sed sleep sort tail tar tee touch tr"
)
SETTINGS = {
    "PROJECT_ID": "my-project",
    "REGION": "us-central1",
    "GITHUB_REPOSITORY": "owner/name",
    "SA_NAME": "github-deployer",
    "ENVIRONMENTS": '"dev prod"',
}
CHANGES = (
    *("services enable", "buckets create", "buckets update", "keys create", "keys delete"),
    *(" apply ", "variable set", "secret set", "--method PUT", "--method POST"),
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

    def start(self, script: str, *arguments: str, **extra: str) -> subprocess.Popen[str]:
        """Start a script in its own process group, as a terminal does."""
        environment = {"PATH": self.bin, "HOME": self.tmp, "TMPDIR": self.tmp, "CLOUD": self.cloud}
        return subprocess.Popen(
            [str(self.project / "scripts/deploy" / script), *arguments],
            env={name: str(path) for name, path in environment.items()} | extra,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, script: str, *arguments: str, error: str | None = None, **extra: str) -> str:
        """Run a script and return its output; with `error`, it must fail and print that."""
        with self.start(script, *arguments, **extra) as process:
            output, errors = process.communicate(timeout=240)
        assert bool(process.returncode) is (error is not None), errors
        assert (error or "") in errors
        return output + errors

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
        files = [*self.tmp.rglob("*"), *self.project.rglob("*")]
        return [it for it in files if it.is_file() and b"A-PRIVATE-KEY" in it.read_bytes()]

    def valid_keys(self) -> list[str]:
        return sorted(path.name for path in self.cloud.glob("key-*"))
