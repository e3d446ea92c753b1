"""Every model in every format, compared with a direct call of its module."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.forms import FORMS
from tests.models.kinds import KINDS, Kind, Tensors
from tests.models.serving import Serving

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
    write, read = FORMS[form]
    answer = serving.send(write(kind, inputs))
    assert answer.status_code == 200, answer.text
    expected: Tensors = kind.answer(module, inputs)
    got = read(kind, answer)
    assert list(got) == list(kind.outputs)
    for name in kind.outputs:
        same(kind, got[name], expected[name])
