"""The Terraform code: everything is described, and a refusal names what it refuses."""

import re

import pytest

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
