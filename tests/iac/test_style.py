"""The Terraform code: all inputs and outputs have descriptions, all errors name their variable."""

import json
import re
from typing import Any

import pytest

from scripts.deploy import reference
from server.store import archive
from server.store.paths import ROOT

PARTS = ["modules/service", "shared", "environment"]
BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)


def blocks(part: str, kind: str) -> dict[str, str]:
    text = "\n".join(path.read_text() for path in sorted((ROOT / "iac" / part).glob("*.tf")))
    return {name: body for found, name, body in BLOCK.findall(text) if found == kind}


def each(kind: str, *parts: str) -> list[Any]:
    """Return name and body of each variable or output, as parameters of a test."""
    return [
        pytest.param(name, body, id=f"{part}-{name}")
        for part in parts
        for name, body in blocks(part, kind).items()
    ]


@pytest.mark.parametrize(("_name", "body"), each("variable", *PARTS))
def test_every_variable_is_typed_and_described(_name: str, body: str) -> None:
    assert re.search(r"^  type\s+=", body, re.MULTILINE)
    assert re.search(r'^  description\s+= ".{10,}"', body, re.MULTILINE)


@pytest.mark.parametrize(("name", "body"), each("variable", "shared", "environment"))
def test_every_variable_that_is_no_switch_is_validated(name: str, body: str) -> None:
    module = blocks("modules/service", "variable")
    service, _, rest = name.partition("_")
    # Both services' values are validated once, by the module's variable of the same name.
    if service in ("backend", "frontend") and "validation {" in module.get(rest or "size", ""):
        return
    assert re.search(r"^  type\s+= bool$", body, re.MULTILINE) or "validation {" in body


@pytest.mark.parametrize(("name", "body"), each("variable", *PARTS))
def test_every_refusal_names_its_variable(name: str, body: str) -> None:
    sentences = re.findall(r'error_message = "(.*)"', body)
    assert [sentence for sentence in sentences if not sentence.startswith(name)] == []


@pytest.mark.parametrize(("_name", "body"), each("output", *PARTS))
def test_every_output_is_described(_name: str, body: str) -> None:
    assert re.search(r'^  description = ".{10,}"', body, re.MULTILINE)


@pytest.mark.parametrize("part", PARTS)
def test_versions_are_pinned(part: str) -> None:
    versions = (ROOT / "iac" / part / "versions.tf").read_text()
    assert 'required_version = ">= 1.11"' in versions
    assert 'version = "~> 8.0"' in versions


@pytest.mark.parametrize(
    ("variable", "pattern", "characters"),
    [
        ("model_name", archive.NAME.pattern, archive.NAME_CHARACTERS),
        ("model_version", archive.VERSION.pattern, archive.VERSION_CHARACTERS),
    ],
)
def test_a_model_may_be_called_what_an_archive_may(
    variable: str, pattern: str, characters: int
) -> None:
    condition = re.search(r"condition\s+= (.*)", blocks("environment", "variable")[variable])
    assert condition
    # HCL strings have the same escapes as JSON.
    expected = f"can(regex({json.dumps(f'^{pattern}$')}, var.{variable}))"
    assert condition[1] == f"{expected} && length(var.{variable}) <= {characters}"


def test_the_page_of_inputs_and_outputs_is_the_code_s() -> None:
    assert reference.PAGE.read_text() == reference.page(), "make iac-reference"


RESOURCE = re.compile(r'^(resource|data) "(google_\w+)" "\w+" \{', re.MULTILINE)


@pytest.mark.parametrize("part", PARTS)
def test_every_resource_has_a_row_that_says_what_it_needs(part: str) -> None:
    text = (ROOT / "iac/README.md").read_text()
    code = "\n".join(path.read_text() for path in (ROOT / "iac" / part).glob("*.tf"))
    types = {found for _, found in RESOURCE.findall(code)}
    assert {it for it in types if f"`{it}`" not in text} == set()
