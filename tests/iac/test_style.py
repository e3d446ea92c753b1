"""The Terraform code: all inputs and outputs have descriptions, all errors name their variable."""

import json
import re

import pytest

from scripts.deploy import reference
from scripts.store import archive
from scripts.store.paths import ROOT

PARTS = ["modules/service", "shared", "environment"]
BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)


def blocks(part: str, kind: str) -> dict[str, str]:
    text = "\n".join(path.read_text() for path in sorted((ROOT / "iac" / part).glob("*.tf")))
    return {name: body for found, name, body in BLOCK.findall(text) if found == kind}


@pytest.mark.parametrize("part", PARTS)
def test_every_variable_is_typed_and_described(part: str) -> None:
    variables = blocks(part, "variable")
    assert variables
    for name, body in variables.items():
        assert re.search(r"^  type\s+=", body, re.MULTILINE), name
        assert re.search(r'^  description\s+= ".{10,}"', body, re.MULTILINE), name


@pytest.mark.parametrize("part", ["shared", "environment"])
def test_every_variable_that_is_no_switch_is_validated(part: str) -> None:
    for name, body in blocks(part, "variable").items():
        is_switch = re.search(r"^  type\s+= bool$", body, re.MULTILINE)
        assert is_switch or "validation {" in body, name


@pytest.mark.parametrize("part", PARTS)
def test_every_refusal_names_its_variable(part: str) -> None:
    for name, body in blocks(part, "variable").items():
        for sentence in re.findall(r'error_message = "(.*)"', body):
            assert sentence.startswith(name), sentence


@pytest.mark.parametrize("part", PARTS)
def test_every_output_is_described(part: str) -> None:
    outputs = blocks(part, "output")
    assert outputs
    for name, body in outputs.items():
        assert re.search(r'^  description = ".{10,}"', body, re.MULTILINE), name


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


def test_the_page_of_inputs_and_outputs_holds_all_of_them() -> None:
    text = reference.PAGE.read_text()
    for part in PARTS:
        for kind in ("variable", "output"):
            for name in blocks(part, kind):
                assert f"| `{name}` |" in text, f"{part}: {name}"


RESOURCE = re.compile(r'^(resource|data) "(google_\w+)" "\w+" \{', re.MULTILINE)


@pytest.mark.parametrize("part", PARTS)
def test_every_resource_has_a_row_that_says_what_it_needs(part: str) -> None:
    text = (ROOT / "iac/README.md").read_text()
    code = "\n".join(path.read_text() for path in (ROOT / "iac" / part).glob("*.tf"))
    types = {found for _, found in RESOURCE.findall(code)}
    assert {it for it in types if f"`{it}`" not in text} == set()
