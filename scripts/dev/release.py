"""Release the version in pyproject.toml: check the checkout, then tag it.

    python -m scripts.dev.release check    check that the checkout can be released
    python -m scripts.dev.release tag      check, then create the tag without pushing it

`make release` runs the linters and the tests between the two.
"""

import re
import subprocess
import sys
from typing import Literal

import typer

from scripts.project import version
from server.store.paths import ROOT

SEMANTIC = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?")


class ReleaseError(Exception):
    """The checkout cannot be released; the message says why and what to do."""


def check(number: str) -> str:
    """Return the changes that CHANGELOG.md lists for version `number`.

    Raises:
        ReleaseError: the checkout cannot be released; the message says why and what to do.
    """
    if not SEMANTIC.fullmatch(number):
        raise ReleaseError(f"version {number} in pyproject.toml is not a semantic version (1.2.3)")
    if changed := _git("status", "--porcelain"):
        raise ReleaseError(f"the working tree is not clean:\n{changed}")
    branch = _git("rev-parse", "--abbrev-ref", "HEAD")
    if branch != "main":
        raise ReleaseError(f"releases are made on main, this is {branch}")
    if _git("tag", "--list", f"v{number}"):
        raise ReleaseError(f"tag v{number} exists: raise version in pyproject.toml")
    return changes(number)


def changes(number: str) -> str:
    """Return the section of CHANGELOG.md for version `number`, without its heading.

    Raises:
        ReleaseError: the section is missing, empty, or has no date.
    """
    text = (ROOT / "CHANGELOG.md").read_text()
    section = re.search(
        rf"^## \[{re.escape(number)}\](?P<date>.*)$\n(?P<text>(?:(?!## ).*\n?)*)",
        text,
        re.MULTILINE,
    )
    if section is None:
        raise ReleaseError(f"CHANGELOG.md has no section for {number}: ## [{number}] - YYYY-MM-DD")
    if not re.fullmatch(r" - \d{4}-\d\d-\d\d", section["date"]):
        raise ReleaseError(f"CHANGELOG.md has no date for {number}: ## [{number}] - YYYY-MM-DD")
    if not section["text"].strip():
        raise ReleaseError(f"CHANGELOG.md lists no change for {number}")
    return section["text"].strip()


def tag(number: str, message: str) -> None:
    """Create the annotated tag, signed if git has a signing key."""
    configured = subprocess.run(
        ["git", "config", "user.signingkey"], cwd=ROOT, capture_output=True, check=False
    )
    kind = "--sign" if configured.returncode == 0 else "--annotate"
    # --cleanup: keep lines that begin with #, which are headings.
    _git("tag", kind, "--cleanup=whitespace", f"v{number}", f"--message={number}\n\n{message}")


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ReleaseError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


def main(step: Literal["check", "tag"]) -> None:
    """Check whether the version of pyproject.toml can be released, and for `tag`, tag it."""
    number = version()
    try:
        message = check(number)
        if step == "tag":
            tag(number, message)
    except ReleaseError as error:
        sys.exit(f"release: {error}")
    if step == "tag":
        print(f"release: tagged v{number}. To publish it: git push origin main v{number}")
    else:
        print(f"release: {number} can be released")


if __name__ == "__main__":
    typer.run(main)
