"""Every model in every format, and as `make archive` shows it."""

import json
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.conftest import Serving
from tests.models.forms import FORMS
from tests.models.kinds import KINDS, Kind
from tests.support.containers import output

# The tolerance for float32 rounding if rows are merged; a row is a sum of a few products.
RELATIVE, ABSOLUTE = 1e-4, 1e-6

ASKED = [
    pytest.param(kind, form, id=f"{kind.name}-{form}")
    for kind in KINDS
    for form in FORMS
    if kind.bare or form != "bare"
]


def same(kind: Kind, got: Any, expected: Tensor) -> None:
    """Compare an output, a tensor or nested lists, with the output of a direct call."""
    if not isinstance(got, Tensor):
        # Lists have no datatype, only a shape and integers or fractions.
        got = torch.tensor(got, dtype=expected.dtype)
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    if kind.exact:
        assert torch.equal(got, expected)
    else:
        torch.testing.assert_close(got, expected, rtol=RELATIVE, atol=ABSOLUTE)


@pytest.mark.parametrize(("kind", "form"), ASKED)
@pytest.mark.parametrize("rows", [1, 2])
def test_the_answer_is_the_direct_calls(serving: Serving, kind: Kind, form: str, rows: int) -> None:
    module = serving.module(kind)
    inputs = kind.ask(torch.Generator().manual_seed(rows), rows)
    if form == "bare" and len(inputs) > 1:
        inputs = dict([next(iter(inputs.items()))])
    got, expected = FORMS[form](serving, kind, inputs), kind.answer(module, inputs)
    assert list(got) == list(kind.outputs)
    for name in kind.outputs:
        same(kind, got[name], expected[name])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_command_that_make_archive_prints_works(serving: Serving, kind: Kind) -> None:
    commands = [line for line in serving.printed[kind.name].splitlines() if "curl" in line]
    assert commands
    for command in commands:
        asked = command.replace("curl ", "curl --silent --show-error --fail-with-body ")
        asked = asked.replace("http://127.0.0.1:8080", serving.url)
        json.loads(output(["bash", "-c", asked]))
