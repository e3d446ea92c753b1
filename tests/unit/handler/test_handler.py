"""The handler with TorchServe's own context, without its server."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from torch import nn
from ts.context import Context, RequestProcessor

from handler import TensorHandler
from scripts.model.archiver import CONFIG
from tests.support import models

DOUBLEIT = yaml.safe_load(CONFIG.read_text())


def make(
    path: Path, config: dict[str, Any], gpu: int | None = None
) -> tuple[TensorHandler, Context]:
    manifest = {"model": {"serializedFile": path.name, "modelVersion": "1.0"}}
    context = Context(
        "doubleit", str(path.parent), manifest, 64, gpu, "0.12.0", model_yaml_config=config
    )
    handler = TensorHandler()
    handler.initialize(context)
    return handler, context


def of(module: nn.Module, folder: Path, **settings: Any) -> tuple[TensorHandler, Context]:
    return make(models.save(module, folder / "m.pt"), {"model": settings})


@pytest.fixture
def doubleit(torchscript: Path) -> tuple[TensorHandler, Context]:
    return make(torchscript, DOUBLEIT)


def ask(
    made: tuple[TensorHandler, Context],
    *requests: bytes | dict[str, Any],
    headers: dict[int, dict[str, str]] | None = None,
) -> list[tuple[int, Any]]:
    """Send one batch; return each request's status and answer."""
    handler, context = made
    context.request_processor = [
        RequestProcessor((headers or {}).get(i, {})) for i in range(len(requests))
    ]
    data = [r if isinstance(r, dict) else {"body": bytearray(r)} for r in requests]
    answers = handler.handle(data, context)
    assert len(answers) == len(requests)
    assert all(
        context.get_response_content_type(i) == "application/json" for i in range(len(requests))
    )
    return [(context.get_response_status(i)[0], json.loads(a)) for i, a in enumerate(answers)]


Made = tuple[TensorHandler, Context]


def test_a_bad_request_touches_no_other_of_its_batch(doubleit: Made) -> None:
    answers = ask(doubleit, b"[1]", b"[", b"[0.5]", b'["a"]', b"[9007199254740993]", b"[1e308]")
    assert [status for status, _ in answers] == [200, 400, 200, 400, 200, 400]
    assert [answers[i][1] for i in (0, 2, 4)] == [[2], [1.0], [18014398509481986]]
    assert answers[3][1] == {
        "code": 400,
        "type": "InvalidInput",
        "message": "Expected a number, got str - at $[0]",
    }


def test_dtypes_never_leak_between_requests(doubleit: Made) -> None:
    _, whole = ask(doubleit, b"[0.5]", b"[4611686018427387903]")[1]
    assert whole == [9223372036854775806]
    assert all(type(n) is int for n in whole)


def test_a_full_batch_of_every_form(doubleit: Made) -> None:
    forms = [b"[3]", b'{"instances": [[1, 2], [0.5], 7]}', b"[]"]
    assert [a for _, a in ask(doubleit, *forms * 21)] == [
        [6],
        {"predictions": [[2, 4], [1.0], 14]},
        [],
    ] * 21


def test_the_body_may_come_as_a_form_field(doubleit: Made) -> None:
    fields: list[dict[str, Any]] = [
        {"data": bytearray(b"[1]")},
        {"body": b"[2]"},
        {"data": "[3]"},
        {"file": b"[4]"},
    ]
    answers = ask(doubleit, *fields)
    assert [a for s, a in answers if s == 200] == [[2], [4], [6]]
    assert answers[3][0] == 400
    assert "field named data or body" in answers[3][1]["message"]


@pytest.mark.parametrize("name", ["Content-Type", "content-type"])
@pytest.mark.parametrize("fields", [{}, {"[1]": b""}, {"data": b"[1]"}])
def test_a_form_encoded_body_is_told_which_header_to_send(
    doubleit: Made, name: str, fields: dict[str, Any]
) -> None:
    headers = {0: {name: "application/x-www-form-urlencoded"}}
    ((status, answer),) = ask(doubleit, fields, headers=headers)
    assert status == 415
    assert "Content-Type: application/json" in answer["message"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("Inference-Header-Content-Length", "95", "send them as JSON"),
        ("inference-header-content-length", "95", "send them as JSON"),
        ("Content-Encoding", "gzip", "with Content-Encoding: gzip: send it as it is"),
    ],
)
def test_a_body_that_is_not_plain_json_is_told_how_to_send_it(
    doubleit: Made, name: str, value: str, message: str
) -> None:
    answers = ask(doubleit, b"\x1f\x8b", b"[1]", headers={0: {name: value}, 1: {name: value}})
    assert answers[0][0] == 415
    assert message in answers[0][1]["message"]
    # What can be read is read, whatever the header says.
    assert answers[1] == (200, [2])


def test_v2_names_the_model_and_its_errors_stand_where_its_clients_look(doubleit: Made) -> None:
    tensor = {"name": "x", "shape": [1], "datatype": "INT64", "data": [4]}
    good = json.dumps({"inputs": [tensor]}).encode()
    big = json.dumps({"inputs": [{**tensor, "datatype": "INT8", "data": [100]}]}).encode()
    answers = ask(doubleit, good, big, good[:-1])
    assert (answers[0][1]["model_name"], answers[0][1]["model_version"]) == ("doubleit", "1.0")
    for status, answer in answers[1:]:
        assert status == 400
        assert answer["error"] == answer["message"]


def test_readiness_and_unknown_paths(doubleit: Made) -> None:
    headers = {
        0: {"url_path": "ready"},
        1: {"url_path": "other"},
        2: {"explain": "True", "url_path": ""},
    }
    answers = ask(doubleit, b"", b"", b"[1]", headers=headers)
    assert answers[0] == (200, {"name": "doubleit", "version": "1.0", "ready": True})
    assert [status for status, _ in answers[1:]] == [404, 404]


def test_the_description_says_what_the_model_takes(doubleit: Made) -> None:
    ((_, answer),) = ask(doubleit, b"", headers={0: {"describe": "True"}})
    assert answer["integers"] == {"minimum": -(2**62), "maximum": 2**62 - 1}
    assert (answer["version"], answer["elementwise"], answer["device"]) == ("1.0", True, "cpu")


def test_a_model_that_raises_gives_that_request_a_5xx_and_the_others_their_answers(
    tmp_path: Path,
) -> None:
    answers = ask(of(models.Unlucky(), tmp_path, elementwise=True), b"[1]", b"[13]", b"[2]")
    assert [answers[0], answers[2]] == [(200, [2]), (200, [4])]
    assert answers[1][0] == 500
    assert "13 brings bad luck" in answers[1][1]["message"]


def test_an_answer_that_json_cannot_carry_is_this_requests_own_error(tmp_path: Path) -> None:
    answers = ask(of(models.Reciprocal(), tmp_path, elementwise=True), b"[2.0]", b"[1.0, 0.0]")
    assert answers[0] == (200, [0.5])
    assert answers[1][0] == 400
    assert answers[1][1]["message"].endswith("at $[1]")


def test_wrong_settings_keep_the_worker_from_starting(torchscript: Path) -> None:
    with pytest.raises(ValueError, match="model-config.yaml"):
        make(torchscript, {"model": {"integers": {"minimum": "x"}}})


def test_a_gpu_is_used_where_torch_has_one(
    torchscript: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    handler, _ = make(torchscript, DOUBLEIT, gpu=0)
    assert handler.describe_handle()["device"] == "cpu"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    # This machine may have none: the attempt to put the model there is what shows the choice.
    with pytest.raises((RuntimeError, AssertionError), match=r"(?i)cuda"):
        make(torchscript, DOUBLEIT, gpu=99)


def test_the_lock_is_held_while_a_batch_is_worked_on(
    torchscript: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    monkeypatch.setenv("IN_FLIGHT_LOCK", str(path))
    made = make(torchscript, DOUBLEIT)
    fd = os.open(path, os.O_RDWR)
    held = []

    def busy() -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        fcntl.flock(fd, fcntl.LOCK_UN)
        return False

    inner = made[0]._model

    def watched(arrays: Any) -> Any:
        held.append(busy())
        return inner(arrays)

    monkeypatch.setattr(made[0], "_model", watched)
    ask(made, b"[1]")
    assert (held, busy()) == ([True], False)
    os.close(fd)
