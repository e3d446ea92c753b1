"""Code beside a model: what it may return, and the archives that are refused."""

import json
from copy import copy
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import nn

from answers import Answer
from headers import Headers
from hooks import FOLDER
from tests.support import hooks, models
from tests.unit.handler.test_handler import Made, make
from wire.errors import RequestError
from wire.interface import Call

CSV = Headers([("Content-Type", "text/csv"), ("Host", "x")])
HONEST = b'{"instances": [{"x": [1, 2], "k": 3}]}'
JSON = Headers([("Content-Type", "application/json"), ("Host", "x")])

MODEL: dict[str, Any] = {
    **yaml.safe_load(hooks.SETTINGS)["model"],
    "outputs": ["y", "parity"],
    "accepts": ["text/csv"],
    "code": "own.py",
}
BOTH = "def preprocess(body, content_type): ...\ndef postprocess(outputs, parameters): ...\n"


def of(folder: Path, source: str, module: nn.Module, settings: dict[str, Any]) -> Made:
    """Return a handler with code."""
    (folder / FOLDER).mkdir()
    (folder / FOLDER / "own.py").write_text(source)
    return make(models.save(module, folder / "m.pt"), {"model": settings})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return of(tmp_path_factory.mktemp("hooks"), BOTH, hooks.Both(), MODEL)


GOOD: dict[str, Any] = {"x": np.ones((1, 2), np.float32), "k": np.ones(1, np.int64)}


def answer(made: Made, pre: Any = lambda *_: GOOD, post: Any = lambda *_: True) -> Answer:
    """Send a request to functions between two honest requests, and return its response."""
    handler, _ = made
    assert handler._hooks
    handler._hooks._preprocess, handler._hooks._postprocess = pre, post
    fields: list[Any] = [{"body": HONEST}, {"body": b"1,2,3"}, {"body": HONEST}]
    by_place = dict(chain.from_iterable(handler.answer(fields, [JSON, CSV, JSON])))
    first, own, last = (by_place[i] for i in range(3))
    assert (first.status, first.body) == (last.status, last.body) == (200, first.body)
    assert json.loads(first.body) == {"predictions": [{"y": [6.0, 6.0], "parity": 1}]}
    assert own.status in (200, 400, 413, 500)
    if own.content_type == "application/json":
        json.loads(own.body, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    return own


NUMBERS = st.one_of(
    arrays.arrays(
        st.one_of(
            arrays.scalar_dtypes(), arrays.floating_dtypes(endianness=">"), st.just(np.dtype("O"))
        ),
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
    ),
    st.sampled_from(
        [torch.ones(1, 2, requires_grad=True), torch.ones(1, 2).to_sparse(), torch.ones(1).bool()]
        + [torch.ones(1, 2, dtype=d) for d in (torch.bfloat16, torch.complex64, torch.float64)]
        + [np.broadcast_to(np.float32(1), (1 << 40, 2)), np.ones((2, 2), np.float32)[::-1]]
    ),
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | NUMBERS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["x", "k", "y", "", 1, None]), inner, max_size=3)
        | st.tuples(inner, inner)
    ),
    max_leaves=5,
)


@given(st.one_of(ANYTHING, st.fixed_dictionaries({"x": NUMBERS, "k": NUMBERS})))
def test_whatever_preprocess_returns_is_its_requests_own(made: Made, value: Any) -> None:
    own = answer(made, pre=lambda *_: value)
    taken = isinstance(value, dict) and value.keys() == GOOD.keys()
    assert own.status != 200 or taken


@given(ANYTHING)
def test_whatever_postprocess_returns_is_its_requests_own(made: Made, value: Any) -> None:
    own = answer(made, post=lambda *_: value)
    assert own.status == 500 or value is not None


class OddError(ValueError):
    def __str__(self) -> str:
        raise RuntimeError


class Itself(dict[str, Any]):
    def __iter__(self) -> Any:
        raise ValueError("not the client's")


@pytest.mark.parametrize(
    "error", [ValueError("x" * 10_000), ValueError("one\ntwo"), OddError, MemoryError]
)
@pytest.mark.parametrize("first", [True, False])
def test_whatever_they_raise_is_its_requests_own(made: Made, error: Any, first: bool) -> None:
    def fail(*_: Any) -> Any:
        raise error

    own = answer(made, pre=fail) if first else answer(made, post=fail)
    message = json.loads(own.body)["message"]
    assert own.status == (413 if error is MemoryError else 500 if error is OddError else 400)
    assert len(message) <= 500
    assert "\n" not in message


def test_a_result_that_fails_when_it_is_read_is_a_500(made: Made) -> None:
    circular: list[Any] = []
    circular.append(circular)
    assert answer(made, pre=lambda *_: Itself(GOOD)).status == 500
    assert answer(made, post=lambda *_: circular).status == 500


@pytest.mark.parametrize(
    "kind", ["text/csv\r\nX-Injected: 1", "text", "", "text/csv\n", "tëxt/csv", "text/csv; a=\0"]
)
def test_a_content_type_that_is_none_is_a_500(made: Made, kind: str) -> None:
    assert answer(made, post=lambda *_: (b"", kind)).status == 500


def test_what_the_code_writes_to_reaches_no_other_request(made: Made) -> None:
    """The arrays are copies, so neither the code nor the model changes the other's."""

    def post(outputs: Any, _: Any) -> float:
        total: float = outputs["y"].sum().item()
        outputs["y"].fill_(-1)
        return total

    for _ in range(2):
        own = answer(made, post=post)
        assert (own.status, json.loads(own.body)) == (200, 4.0)
    assert all((array == 1).all() for array in GOOD.values())


def test_what_the_code_has_read_shares_a_call_with_all_others(
    made: Made, calls: list[Call]
) -> None:
    own = answer(made, post=lambda outputs, _: outputs["y"].tolist())
    assert json.loads(own.body) == [[3.0, 1.0]]
    assert [len(call["k"].array) for call in calls] == [3]


@pytest.mark.parametrize(
    ("code", "changed", "message"),
    [
        ("import no_such_package\n", {}, "cannot be imported: .*no_such_package.* in line 1"),
        ("raise SystemExit(1)\n", {}, "own.py cannot be imported"),
        ("x = 1\n", {}, "own.py defines neither preprocess nor postprocess"),
        ("def postprocess(a, b, c): ...\n", {}, "postprocess must be a function of"),
        ("preprocess = 3\n", {}, "preprocess must be a function"),
        ("def postprocess(a, b): ...\n", {}, "accepts names content types, but there is no prepro"),
        (BOTH, {"accepts": None}, "set model.accepts to the content types"),
        (BOTH, {"accepts": ["jpeg"]}, "accepts"),
        (BOTH, {"code": "other.py"}, "other.py, which is not in the archive"),
        (BOTH, {"code": None}, "accepts.* set CODE"),
        (BOTH, {"example": "no.csv"}, "no.csv is not in the archive: add it to FILES"),
        (BOTH, {"example": "../m.pt"}, "is not in the archive"),
        (
            BOTH,
            {"outputs": {"y": {"labels": ["a"]}, "parity": {}}},
            "y has 1 labels.*dimension is 2",
        ),
    ],
)
def test_an_archive_whose_code_and_settings_do_not_fit_is_refused(
    tmp_path: Path, code: str, changed: dict[str, Any], message: str
) -> None:
    settings = {key: value for key, value in (MODEL | changed).items() if value is not None}
    with pytest.raises(ValueError, match=message):
        of(tmp_path, code, hooks.Both(), settings)


def test_postprocess_alone_answers_the_bare_format(tmp_path: Path) -> None:
    code = "def postprocess(outputs, parameters): return [n.sum().item() for n in outputs.values()]"
    handler, _ = of(tmp_path, code, models.Pair(), {"code": "own.py"})
    fields: list[Any] = [{"body": b"[1, 2]"}, {"body": b'{"instances": [[1, 2]]}'}]
    by_place = dict(chain.from_iterable(handler.answer(fields, [JSON] * 2)))
    assert json.loads(by_place[0].body) == [6]
    assert json.loads(by_place[1].body) == {"predictions": [[[1, 2], [1, 2]]]}


V1, V2 = b'{"instances": [1]}', b' {"inputs": [ {"name": "x"}]}'
OWN, JPEG = b'{"inputs": "a text"}', b"\xff\xd8"


@pytest.mark.parametrize(
    ("accepted", "content_type", "body", "reader"),
    [
        ("image/*", "Image/JPEG; q=1", JPEG, "code"),
        ("image/*", "", JPEG, "code"),
        ("image/*", "", b" [1]", "tensors"),
        ("image/*", "", b"", "tensors"),
        ("image/*", "application/vnd.api+json", b"[1]", "tensors"),
        ("application/json", "application/json", OWN, "code"),
        ("application/json", "application/json", V1, "tensors"),
        ("application/json", "application/json; charset=utf-8", V2, "tensors"),
        ("*/*", "", OWN, "code"),
        ("*/*", "anything/else", V2, "code"),
        ("*/*", "application/json", b"{", "code"),
    ],
)
def test_who_reads_a_body(
    made: Made, accepted: str, content_type: str, body: bytes, reader: str
) -> None:
    code: Any = copy(made[0]._hooks)
    code.accepts = [accepted]
    assert code.reads(body, content_type) == (reader == "code")


def test_a_content_type_that_nobody_reads_is_refused(made: Made) -> None:
    code: Any = made[0]._hooks
    with pytest.raises(RequestError, match=r"send text/csv or application/json$") as caught:
        code.reads(JPEG, "image/png")
    assert caught.value.kind == "UnsupportedMediaType"
