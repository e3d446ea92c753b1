"""This server at an earlier commit, as a contender: what did a change bring?"""

from __future__ import annotations

import subprocess

from scripts.bench.lineup import ALL, SELF, Contender
from scripts.store.paths import ROOT


def at(commit: str) -> Contender:
    """Return this server as it was at `commit`, in the environment as it is now.

    Raises:
        ValueError: git knows no such commit here.
    """
    folder = ROOT / "build" / "bench" / "commits" / commit
    if not folder.exists():
        command = ["git", "worktree", "add", "--quiet", "--force", "--detach", str(folder), commit]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ValueError(f"{commit} cannot be checked out: {done.stderr.strip()}")
    now = next(contender for contender in ALL if contender.name == SELF)
    return Contender(
        name=f"{SELF} at {commit}",
        how=f"this server at commit {commit}",
        folder="",
        build=["env", "-C", str(folder), "{bin}/python", "-m", "scripts.model.archiver"],
        command=now.command,
        variables={"PYTHONPATH": str(folder), "MODEL_STORE": str(folder / "model_store")},
        path=now.path,
    )
