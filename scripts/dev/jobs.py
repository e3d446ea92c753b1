"""Run the jobs of the workflows on this machine, each in a fresh clone of this checkout.

    python -m scripts.dev.jobs [JOB ...]

A job is named FILE:JOB, such as ci.yml:lint. Without names, all jobs run, except those of workflows
that run only on a schedule or by hand. The clone contains only committed files, so a step that
relies on other files fails here as it would on GitHub. Jobs that need GitHub, a cloud, or a program
that this machine lacks are skipped, with the reason, and so are those with the same steps as
another one. Jobs that use all cores or measure times run first, one after another, and then the
others, two at a time. When a job fails, no further one is started.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Annotated, Any, NamedTuple

import typer
import yaml

from server.store.paths import ROOT

# Prefixes of steps' commands that do not belong to this project.
PLATFORM = ("gcloud ", "gh ")
# Commands that use all cores or measure times: their jobs run alone.
ALONE = {"make test", "make test-faults", "make test-bench", "make bench"}
# Number of other jobs that run at the same time.
TOGETHER = 2
# The ordinary user that runs the steps, and what it gets of the caller's environment.
USER = "ci-runner"
INHERITED = (
    *("LANG", "PROVIDER_SETUP", "SSL_CERT_FILE", "TZ"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
PREFIXES = ("PIP_", "UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_INDEX")
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Make targets whose result depends on an online service.
ONLINE = {"audit-workflows": "queries GitHub", "audit-dependencies": "queries the OSV database"}


class Job(NamedTuple):
    """A job of a workflow.

    Attributes:
        name: FILE:JOB.
        steps: its commands, each with the environment variables from the workflow.
        skipped: why it cannot run here; None if it can.
    """

    name: str
    steps: list[tuple[str, dict[str, str]]]
    skipped: str | None

    @property
    def alone(self) -> bool:
        """Whether no other job may run at the same time."""
        commands = {" ".join(command.split()[:2]) for command, _ in self.steps}
        return not commands.isdisjoint(ALONE)


def jobs(root: Path) -> list[Job]:
    """Return the jobs that run commands of this project, without those of scheduled workflows."""
    found: list[Job] = []
    for file in sorted((root / ".github/workflows").glob("*.yml")):
        workflow = yaml.safe_load(file.read_text())
        # YAML reads the key `on` as true.
        if set(workflow.get(True, ())) == {"schedule", "workflow_dispatch"}:
            continue
        for name, content in workflow["jobs"].items():
            steps = list(_steps(content))
            if steps:
                same = next((f"same as {job.name}" for job in found if job.steps == steps), None)
                found.append(Job(f"{file.name}:{name}", steps, _reason(content, steps) or same))
    return found


def run(job: Job, root: Path, output: IO[str] | None = None) -> int:
    """Run a job's steps in a clone of `root` and return the status of the last one.

    Args:
        job: the job.
        root: the checkout to clone.
        output: a file that receives what the steps print, instead of this program's output.
    """
    with tempfile.TemporaryDirectory(prefix="job-") as folder:
        clone = Path(folder) / root.name
        subprocess.run(["git", "clone", "--quiet", root, clone], check=True)
        inherited, account = _account(job)
        if account:
            subprocess.run(["chown", "--recursive", f"{USER}:", folder], check=True)
        for command, variables in job.steps:
            print(f"jobs: {job.name}: {command}", file=output, flush=True)
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=clone,
                env={**inherited, **variables},
                stdout=output,
                stderr=output and subprocess.STDOUT,
                check=False,
                **account,
            )
            if done.returncode:
                return done.returncode
    return 0


def run_all(chosen: Sequence[Job], root: Path) -> tuple[dict[str, str], int]:
    """Run jobs; return the outcome of each by name, and the first status that is not 0."""
    outcomes: dict[str, str] = {}
    failed: list[int] = []

    def timed(job: Job, output: IO[str] | None = None) -> None:
        if failed:
            return
        begin = time.monotonic()
        status = run(job, root, output)
        took = f"{time.monotonic() - begin:.0f} s"
        outcomes[job.name] = f"{'failed' if status else 'passed'}, {took}"
        if status:
            failed.append(status)

    def printed(job: Job) -> str:
        with tempfile.TemporaryFile("w+") as output:
            timed(job, output)
            output.seek(0)
            return output.read()

    for job in chosen:
        if job.alone:
            timed(job)
    with ThreadPoolExecutor(TOGETHER) as pool:
        for text in pool.map(printed, [job for job in chosen if not job.alone]):
            print(text, end="", flush=True)
    return outcomes, failed[0] if failed else 0


def _account(job: Job) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the environment of a step, and the options of subprocess that select its user."""
    # If make runs this program, its variables must not reach the make of a step.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    # The Docker Engine that .ci/engine starts has its configuration in root's home.
    docker = any("make test-images" in command for command, _ in job.steps)
    if os.geteuid() != 0 or docker or os.environ.get("AS_ROOT"):
        return inherited, {}
    user = pwd.getpwnam(USER)
    environment = {
        **{k: v for k, v in inherited.items() if k in INHERITED or k.startswith(PREFIXES)},
        "HOME": user.pw_dir,
        "USER": USER,
        "PATH": SYSTEM_PATH,
    }
    return environment, {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _make_user() -> None:
    """Create the user that runs the steps, with sudo; if that fails, keep root and print why."""
    if os.geteuid() != 0 or os.environ.get("AS_ROOT"):
        return
    rule = Path("/etc/sudoers.d") / USER
    command = f"""
        id {USER} || useradd --create-home --shell /bin/bash {USER}
        command -v sudo || {{ apt-get update && apt-get install -y --no-install-recommends sudo; }}
        echo '{USER} ALL=(ALL) NOPASSWD: ALL' >{rule} && chmod 440 {rule}
        runuser -u {USER} -- sudo -n true"""
    done = subprocess.run(["sh", "-euc", command], capture_output=True, text=True, check=False)
    if done.returncode:
        os.environ["AS_ROOT"] = "1"
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"jobs: steps run as root, because {USER} cannot be set up: {last}", flush=True)


def _steps(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    for step in content.get("steps", []):
        command = step.get("run", "").strip()
        if command and not command.startswith(PLATFORM):
            # Only GitHub can evaluate expressions.
            variables = {k: str(v) for k, v in step.get("env", {}).items() if "${{" not in str(v)}
            yield command, variables


def _reason(content: dict[str, Any], steps: list[tuple[str, dict[str, str]]]) -> str | None:
    """Return why a job cannot run here, or None if it can."""
    if "id-token" in content.get("permissions", {}):
        return "signs in to Google Cloud"
    for command, variables in steps:
        if reason := ONLINE.get(command.removeprefix("make ")):
            return reason
        if command == "make test-images" and not _engine():
            return "no Docker Engine responds"
        if "REQUIRE_TERRAFORM" in variables and not shutil.which("terraform"):
            return "terraform is not installed"
    return None


def _engine() -> bool:
    if not shutil.which("docker"):
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def main(
    names: Annotated[list[str] | None, typer.Argument(help="jobs to run; all by default")] = None,
) -> None:
    """Run jobs of the workflows, each in a fresh clone."""
    found = {job.name: job for job in jobs(ROOT)}
    if unknown := set(names or []) - set(found):
        sys.exit(f"jobs: unknown: {', '.join(sorted(unknown))}; known: {', '.join(found)}")
    chosen = [found[name] for name in names or found]
    _make_user()
    outcomes, status = run_all([job for job in chosen if not job.skipped], ROOT)
    outcomes |= {job.name: job.skipped for job in chosen if job.skipped}
    summary = [f"{job.name}: {outcomes.get(job.name, 'not run')}" for job in chosen]
    print("jobs:", *summary, sep="\n  ", flush=True)
    sys.exit(status)


if __name__ == "__main__":
    typer.run(main)
