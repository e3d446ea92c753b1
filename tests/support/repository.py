"""Helpers for tests that compare the repository's files with each other."""

import re
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from server.store.paths import ROOT

TARGET = r"[a-z][a-z0-9-]*"
# A call of make at the start of a line or after a separator; a prompt and variables may precede it.
COMMAND = re.compile(
    r"(?:^|[;&|(]|\$\()\s*(?:\$ )?(?:[A-Za-z_]\w*=\S*\s+)*"
    rf"make((?:[ \t]+(?:{TARGET}|[A-Z_]+=\S*|-\S+))*)",
    re.MULTILINE,
)


def tracked(*patterns: str) -> list[Path]:
    """Return the tracked and untracked files, except ignored ones, that match a pattern."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return sorted({ROOT / line for line in listed.splitlines() if (ROOT / line).is_file()})


def name(path: Path) -> str:
    """Return the path relative to the repository's root."""
    return str(path.relative_to(ROOT))


def targets() -> set[str]:
    """Return the Makefile's targets, without files."""
    lines = (ROOT / "Makefile").read_text().splitlines()
    rules = [re.match(rf"((?:{TARGET}\s*)+):(?!=)", line) for line in lines]
    return {target for rule in rules if rule for target in rule[1].split()}


def made(shell: str) -> set[str]:
    """Return the Make targets that shell code runs."""
    words = [word for arguments in COMMAND.findall(shell) for word in arguments.split()]
    return {word for word in words if re.fullmatch(TARGET, word)}


def code(markdown: str) -> Iterator[str]:
    """Yield the fenced code blocks and code spans of a page."""
    fence = r"^( *)(```+)[^\n]*\n(.*?)^\1\2"
    for block in re.finditer(fence, markdown, re.DOTALL | re.MULTILINE):
        yield block[3]
    prose = re.sub(fence, "", markdown, flags=re.DOTALL | re.MULTILINE)
    yield from re.findall(r"`([^`\n]+)`", prose)


def commands(page: str) -> list[tuple[str, str]]:
    """Return the commands in the console blocks of a page, each with the documented output."""
    text = (ROOT / page).read_text()
    found = []
    for block in re.findall(r"^ *```console\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE):
        for part in f"\n{textwrap.dedent(block)}".split("\n$ ")[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output.strip()))
    return found


def workflows() -> dict[str, dict[str, Any]]:
    """Return the workflows by file name."""
    files = tracked(".github/workflows/*.yml")
    # YAML 1.1 reads the key `on` as true.
    return {path.name: yaml.safe_load(path.read_text()) for path in files}


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every step of every workflow and composite action, with its location."""
    for file, workflow in workflows().items():
        for job, content in workflow["jobs"].items():
            for step in content.get("steps", []):
                yield f"{file} {job}", step
    for path in tracked(".github/actions/*/action.yml"):
        for step in yaml.safe_load(path.read_text())["runs"]["steps"]:
            yield name(path), step
