"""Installation of a program from Debian's packages, by root and by an ordinary user."""

import subprocess
from pathlib import Path

import pytest

from server.store.paths import ROOT

SCRIPT = ROOT / "scripts/dev/system_package.sh"
HINT = "no wrk on this machine; install it, on Debian with: sudo apt-get install wrk"


@pytest.mark.parametrize(
    ("user", "sudo", "installed"),
    [(0, None, "apt-get"), (1001, 'exec "$@"', "sudo"), (1001, "exit 1", None), (1001, None, None)],
    ids=["root", "sudo", "sudo with a password", "no sudo"],
)
def test_a_missing_program_is_installed_or_named(
    tmp_path: Path, user: int, sudo: str | None, installed: str | None
) -> None:
    def program(name: str, text: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)

    for tool in ("env", "mktemp", "rm", "tail", "true"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    program("id", f"echo {user}")
    program("apt-get", f'echo "apt-get $*" >>{tmp_path}/calls')
    if sudo:
        program("sudo", f'echo "sudo $*" >>{tmp_path}/calls; [ "$1" = -n ] && shift; {sudo}')
    done = subprocess.run(
        ["/bin/sh", SCRIPT, "wrk", "wrk"],
        env={"PATH": str(tmp_path), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    calls = (tmp_path / "calls").read_text() if (tmp_path / "calls").exists() else ""
    if installed:
        assert done.returncode == 0, done.stderr
        assert "apt-get install -y --no-install-recommends wrk" in calls
        assert ("sudo -n env DEBIAN_FRONTEND=noninteractive" in calls) == (installed == "sudo")
    else:
        assert done.returncode == 1
        assert HINT in done.stderr
        assert "apt-get install" not in calls
