from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from model import Model, ModelError, Settings, read_settings
from tests.support import models

CPU = torch.device("cpu")


def load(module: nn.Module, folder: Path, settings: Settings | None = None) -> Model:
    return Model(models.save(module, folder / "m.pt"), settings or Settings(), CPU)


def test_a_batch_of_an_elementwise_model_is_one_call_for_each_dtype(tmp_path: Path) -> None:
    model = load(models.Counting(), tmp_path, Settings(elementwise=True))
    before = int(model._module.calls)
    arrays = [np.array([1, 2]), np.array([0.5]), np.array([], dtype=np.int64), np.array([3])]
    answers = model(arrays)
    assert int(model._module.calls) - before == 2
    assert [(a.dtype.name, a.tolist()) for a in answers if not isinstance(a, ModelError)] == [
        ("int64", [2, 4]),
        ("float64", [1.0]),
        ("int64", []),
        ("int64", [6]),
    ]


def test_other_models_are_called_once_for_each_array(tmp_path: Path) -> None:
    answers = load(models.Difference(), tmp_path)([np.array([1, 4]), np.array([2.0, 2.5, 3.5])])
    assert [a.tolist() for a in answers if not isinstance(a, ModelError)] == [[3], [0.5, 1.0]]


def test_no_arrays_are_no_call(tmp_path: Path) -> None:
    assert load(models.Counting(), tmp_path, Settings(elementwise=True))([]) == []


@pytest.mark.parametrize("elementwise", [True, False])
def test_a_model_that_raises_fails_only_the_array_that_it_raised_on(
    tmp_path: Path, elementwise: bool
) -> None:
    model = load(models.Unlucky(), tmp_path, Settings(elementwise=elementwise))
    good, bad, other = model([np.array([1]), np.array([13]), np.array([2])])
    assert isinstance(bad, ModelError)
    assert "13 brings bad luck" in str(bad)
    assert not isinstance(good, ModelError)
    assert not isinstance(other, ModelError)
    assert (good.tolist(), other.tolist()) == ([2], [4])


def test_a_model_that_is_called_elementwise_and_is_not_does_not_load(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="set elementwise to false"):
        load(models.Difference(), tmp_path, Settings(elementwise=True))


def test_an_answer_that_is_no_list_of_numbers_is_an_error(tmp_path: Path) -> None:
    (answer,) = load(models.Pair(), tmp_path)([np.array([1, 2])])
    assert isinstance(answer, ModelError)
    assert "expected a 1-D tensor of numbers from it, got torch.int64 of shape [2, 2]" in str(
        answer
    )


def test_a_model_gets_the_dtypes_that_it_takes(tmp_path: Path) -> None:
    model = load(models.Half(), tmp_path, Settings(dtypes=["float32"], elementwise=True))
    whole, fraction = model([np.array([3]), np.array([0.25])])
    assert not isinstance(whole, ModelError)
    assert not isinstance(fraction, ModelError)
    assert (str(whole.dtype), whole.tolist(), fraction.tolist()) == ("float32", [1.5], [0.125])


def test_settings_come_from_the_key_model() -> None:
    settings = read_settings(
        {"model": {"elementwise": True, "integers": {"minimum": 0, "maximum": 9}}}
    )
    assert settings.elementwise
    assert settings.bounds == (0, 9)
    assert read_settings({}) == Settings()


@pytest.mark.parametrize(
    "config",
    [
        {"elementwise": "yes"},
        {"elementwize": True},
        {"dtypes": ["int32"]},
        {"dtypes": []},
        {"threads": 0},
    ],
)
def test_wrong_settings_are_refused_by_name(config: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="model-config.yaml, key model: "):
        read_settings({"model": config})
