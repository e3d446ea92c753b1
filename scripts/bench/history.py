"""This server at an earlier commit, as a contender: what did a change bring?"""

from __future__ import annotations

import subprocess

from scripts.bench.lineup import SELF, Contender, own
from scripts.store.paths import ROOT

# What builds an archive and what serves it, newest first: module names of different times.
MODULES = (
    ("scripts.model.archiver", "scripts.server"),
    ("scripts.build_archive", "scripts.serve"),
)


def at(commit: str) -> Contender:
    """Return this server as it was at `commit`, in the environment as it is now.

    The start-up cache and the edited classes are the environment's. Where that commit's class path
    is another, the Java runtime ignores the cache, and its start takes longer than it did.

    Raises:
        ValueError: git knows no such commit here, or it holds no server.
    """
    # By its hash: a branch, or HEAD, is another commit tomorrow.
    commit = _git("rev-parse", "--verify", "--short", f"{commit}^{{commit}}") or commit
    folder = ROOT / "build" / "bench" / "commits" / commit
    if not folder.exists() and _git("worktree", "add", "--detach", str(folder), commit) is None:
        raise ValueError(f"{commit} cannot be checked out")
    for archiver, server in MODULES:
        if folder.joinpath(*archiver.split(".")).with_suffix(".py").is_file():
            name, how = f"{SELF} at {commit}", f"this server at commit {commit}"
            return own(name, how, folder, archiver, server)
    raise ValueError(f"{commit} holds no server that this benchmark can start")


def _git(*arguments: str) -> str | None:
    """Return what git prints; None, with its error on this process's own, where it fails."""
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None
