"""The Terraform code: all inputs and outputs have descriptions, all errors name their variable."""

import json
import re

import pytest

from scripts.deploy import reference
from server.store import archive
from server.store.paths import ROOT


@pytest.mark.parametrize("part", ["modules/service", *reference.PARTS])
def test_inputs_and_outputs_are_described_and_a_refusal_names_its_variable(part: str) -> None:
    for block in reference.blocks(part):
        assert block.arguments["description"], block.name
        for sentence in re.findall(r'error_message = "(.*)"', block.body):
            assert sentence.startswith(block.name)


@pytest.mark.parametrize(("script", "part"), [("infra_setup", "shared"), ("iac", "environment")])
def test_the_scripts_set_variables_and_read_outputs_that_are_there(script: str, part: str) -> None:
    text = (ROOT / f"scripts/deploy/{script}.sh").read_text()
    inputs = {it.name: it for it in reference.blocks(part) if it.kind == "variable"}
    outputs = {it.name for it in reference.blocks(part) if it.kind == "output"}
    named = set(re.findall(r"\bTF_VAR_([a-z_]+)", text))
    # The variable file of an environment sets the others.
    files = "".join(path.read_text() for path in (ROOT / "iac" / part).glob("*.tfvars"))
    required = {name for name, it in inputs.items() if "default" not in it.arguments}
    assert {name for name in required if f"\n{name} " not in f"\n{files}"} <= named <= set(inputs)
    read = set(re.findall(r'\boutput (?:-json )?"?([a-z]\w*)', text))
    assert read
    assert {name for name in read if not any(it.startswith(name) for it in outputs)} == set()


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
    (body,) = (it.body for it in reference.blocks("environment") if it.name == variable)
    # HCL strings have the same escapes as JSON.
    expected = f"can(regex({json.dumps(f'^{pattern}$')}, var.{variable}))"
    assert f"= {expected} && length(var.{variable}) <= {characters}\n" in body


def test_the_page_of_inputs_and_outputs_is_the_code_s() -> None:
    assert reference.PAGE.read_text() == reference.page(), "make iac-reference"
