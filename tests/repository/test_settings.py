"""All settings that the code reads are documented, and all documented settings are read."""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from server.store.paths import ROOT
from server.torchserve.java import site_packages
from tests.support.repository import code, name, tracked

VARIABLE = r"[A-Z][A-Z0-9_]*[A-Z0-9]"
# One process of the project sets these for another.
INTERNAL = {"DTYPE", "EVENT_LOOPS", "INPUT", "IN_FLIGHT_LOCK", "ROW"}
# The machine or the platform sets these for all programs, and documents them.
PLATFORM = {"PATH", "HOME", "TMPDIR", "TEMP", "NO_COLOR", "K_SERVICE"}
PLATFORM_PREFIXES = ("GITHUB_", "TF_CLI_", "UV_", "PIP_", "PYTHON", "COVERAGE_")


def keys() -> list[str]:
    return re.findall(r"^(\w+)=", (ROOT / "config.properties").read_text(), re.MULTILINE)


def torchserve_settings() -> set[str]:
    """Return the settings in TorchServe's configuration class."""
    with zipfile.ZipFile(site_packages() / "ts/frontend/model-server.jar") as archive:
        constants = archive.read("org/pytorch/serve/util/ConfigManager.class")
    found = re.findall(rb"(?<![a-z_])[a-z][a-z_]+(?![A-Za-z_])", constants)
    return {setting.decode() for setting in found}


def read_by_python(path: Path) -> Iterator[str]:
    """Yield the environment variables that a module reads, by their names or by constants."""
    text = path.read_text()
    constants = dict(re.findall(r'^(\w+) = "(.*)"$', text, re.MULTILINE))
    read = r"""\b(?:environ|environment|getenv)(?:\.get|\.pop)?[(\[](["']?)(\w+)\b(?!["']?\] =)"""
    for quoted, key in re.findall(read, text):
        if variable := key if quoted else constants.get(key):
            yield variable


def read_by_shell(path: Path) -> set[str]:
    """Return the environment variables that a script reads, which are those with a default."""
    text = path.read_text()
    # What it assigns, except where it assigns a default to the variable itself.
    own = re.findall(rf"^\s*(?:local |export )?({VARIABLE})=(?!\$\{{\1)", text, re.MULTILINE)
    return set(re.findall(rf"\$\{{({VARIABLE})(?::?[-=?])", text)) - set(own)


def read() -> dict[str, str]:
    """Return all variables that the code reads, each with one file that reads it."""
    config = (ROOT / "config.properties").read_text()
    variables = dict.fromkeys(re.findall(rf"\$\$({VARIABLE})\$\$", config), "config.properties")
    for path in tracked("*.py", ":!tests/"):
        variables |= dict.fromkeys(read_by_python(path), name(path))
    for path in tracked("scripts/*.sh"):
        variables |= dict.fromkeys(read_by_shell(path), name(path))
    return variables


def documented() -> set[str]:
    """Return all variables in code on a page, in .env.example or in a script's first comment."""
    pieces = [(ROOT / ".env.example").read_text()]
    for page in tracked("*.md", ":!tests/"):
        pieces += code(page.read_text())
    for script in tracked("scripts/*.sh"):
        pieces += re.findall(r"\A(?:#.*\n)+", script.read_text())
    return set(re.findall(rf"\b{VARIABLE}\b", "\n".join(pieces)))


def rows() -> Iterator[tuple[str, str]]:
    """Yield the variables in tables of variables, each with its page."""
    for page in tracked("*.md", ":!tests/"):
        for table in re.findall(r"^\| variable \|.*(?:\n\|.*)*", page.read_text(), re.MULTILINE):
            for row in table.splitlines()[2:]:
                for variable in re.findall(rf"`({VARIABLE})`", row.split("|")[1]):
                    yield variable, name(page)


def test_every_setting_of_the_server_is_one_that_torchserve_knows() -> None:
    # TorchServe's launcher reads this setting; in this project, server/torchserve/java.py does.
    assert set(keys()) - torchserve_settings() == {"vmargs"}


def test_every_variable_that_the_code_reads_is_documented() -> None:
    known = documented() | PLATFORM | INTERNAL
    unknown = {v: place for v, place in read().items() if v not in known}
    assert {v: p for v, p in unknown.items() if not v.startswith(PLATFORM_PREFIXES)} == {}


def test_every_variable_that_has_a_row_is_read() -> None:
    kinds = ("*.java", "*.py", "*.sh", "*.xml", "Makefile", "config.properties", "docker/*")
    files = tracked(*kinds, ".github/**", "iac/**/*.tf", ":!tests/")
    text = "\n".join(path.read_text() for path in files)
    words = set(re.findall(rf"\b{VARIABLE}\b", text))
    assert list(rows())
    # TorchServe reads TS_<SETTING>, because the file enables it.
    assert "enable_envvars_config" in keys()
    known = {f"TS_{setting.upper()}" for setting in torchserve_settings()}
    assert {(v, page) for v, page in rows() if v not in known and v not in words} == set()
