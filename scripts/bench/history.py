"""This server at an earlier commit as a contender, to measure the effect of changes."""

from __future__ import annotations

import subprocess

from scripts.bench.lineup import SELF, Contender, own
from server.store.paths import ROOT

CHECKOUTS = ROOT / "build" / "bench" / "commits"
# The modules that build an archive and serve it, under their present and former names.
MODULES = (
    ("scripts.model.archiver", "server"),
    ("scripts.model.archiver", "scripts.server"),
    ("scripts.build_archive", "scripts.serve"),
)


def at(commit: str) -> Contender:
    """Return this server as of `commit`, running in the current virtual environment.

    The start-up cache and the edited classes belong to the environment. If the commit uses a
    different class path, the Java runtime ignores the cache, and the start takes longer than it did
    at that commit.

    Raises:
        ValueError: the commit does not exist here, or has no server that can be started.
    """
    # Use the hash, because branches and HEAD move.
    commit = _git("rev-parse", "--verify", "--short", f"{commit}^{{commit}}") or commit
    folder = CHECKOUTS / commit
    if not folder.exists() and _git("worktree", "add", "--detach", str(folder), commit) is None:
        raise ValueError(f"{commit} cannot be checked out")
    for archiver, server in MODULES:
        if folder.joinpath(*archiver.split(".")).with_suffix(".py").is_file():
            name, how = f"{SELF} at {commit}", f"this server at commit {commit}"
            return own(name, how, folder, archiver, server)
    raise ValueError(f"{commit} contains no server that this benchmark can start")


def _git(*arguments: str) -> str | None:
    """Return git's output, or None if it fails; its errors go to stderr."""
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None
