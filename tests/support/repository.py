"""The repository's own files, as tests that compare them with each other read them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from scripts.store.paths import ROOT

TARGET = r"[a-z][a-z0-9-]*"
# Where a command begins: a line, or what joins commands; a prompt and variables may stand before.
COMMAND = re.compile(
    r"(?:^|[;&|(]|\$\()\s*(?:\$ )?(?:[A-Za-z_]\w*=\S*\s+)*"
    rf"make((?:[ \t]+(?:{TARGET}|[A-Z_]+=\S*|-\S+))*)",
    re.MULTILINE,
)


def tracked(*patterns: str) -> list[Path]:
    """Return the files that git knows or would add, which match one of the patterns."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return sorted({ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()})


def name(path: Path) -> str:
    """Return the path as a person would name it."""
    return str(path.relative_to(ROOT))


def targets() -> set[str]:
    """Return the Makefile's targets that a person can name."""
    lines = (ROOT / "Makefile").read_text().splitlines()
    rules = [re.match(rf"((?:{TARGET}\s*)+):(?!=)", line) for line in lines]
    return {target for rule in rules if rule for target in rule[1].split()}


def made(shell: str) -> set[str]:
    """Return the Make targets that a piece of shell runs."""
    words = [word for arguments in COMMAND.findall(shell) for word in arguments.split()]
    return {word for word in words if re.fullmatch(TARGET, word)}


def code(markdown: str) -> Iterator[str]:
    """Yield the pieces of a page that are set as code: fenced blocks and spans."""
    fence = r"^( *)(```+)[^\n]*\n(.*?)^\1\2"
    for block in re.finditer(fence, markdown, re.DOTALL | re.MULTILINE):
        yield block[3]
    prose = re.sub(fence, "", markdown, flags=re.DOTALL | re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", prose)


def workflows() -> dict[str, dict[str, Any]]:
    """Return each workflow by its file's name."""
    files = tracked(".github/workflows/*.yml")
    # YAML 1.1 reads the key `on` as true.
    return {path.name: yaml.safe_load(path.read_text()) for path in files}


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every step of every workflow and composite action, with where it stands."""
    for file, workflow in workflows().items():
        for job, content in workflow["jobs"].items():
            for step in content.get("steps", []):
                yield f"{file} {job}", step
    for path in tracked(".github/actions/*/action.yml"):
        for step in yaml.safe_load(path.read_text())["runs"]["steps"]:
            yield name(path), step
