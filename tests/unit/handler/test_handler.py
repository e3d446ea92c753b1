"""The handler with TorchServe's context, without a server."""

import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import yaml
from ts.context import Context, RequestProcessor

import handler as handler_module
from handler import TensorHandler
from headers import JSON_SIZE, Headers
from module import Module
from scripts.model.archiver import CONFIG
from tests.support import models
from tests.unit.handler import modules
from tests.unit.handler.wire.serving import tensor, v2
from wire import limits, parse
from wire.interface import Call, Outputs

Made = tuple[TensorHandler, Context]
DOUBLEIT = yaml.safe_load(CONFIG.read_text())


def make(path: Path, config: dict[str, Any], gpu: int | None = None) -> Made:
    manifest = {"model": {"serializedFile": path.name, "modelVersion": "1.0"}}
    context = Context(
        "doubleit", str(path.parent), manifest, 64, gpu, "0.12.0", model_yaml_config=config
    )
    handler = TensorHandler()
    handler.initialize(context)
    return handler, context


@pytest.fixture
def doubleit(torchscript: Path) -> Made:
    return make(torchscript, DOUBLEIT)


def ask(
    made: Made, *requests: bytes | dict[str, Any], headers: dict[int, dict[str, str]] | None = None
) -> list[tuple[int, Any]]:
    """Process one batch and return the status and body of each response."""
    handler, context = made
    sent, places = headers or {}, range(len(requests))
    context.request_processor = [RequestProcessor(sent.get(i, {})) for i in places]
    data = [r if isinstance(r, dict) else {"body": bytearray(r)} for r in requests]
    answers = handler.handle(data, context)
    assert {context.get_response_content_type(i) for i in places} == {"application/json"}
    return [(context.get_response_status(i)[0], json.loads(answers[i])) for i in places]


def test_a_bad_request_touches_no_other_of_its_batch(doubleit: Made) -> None:
    answers = ask(doubleit, b"[1]", b"[", b"[0.5]", b'["a"]', b"[9007199254740993]", b"[1e308]")
    assert [status for status, _ in answers] == [200, 400, 200, 400, 200, 400]
    assert [answers[i][1] for i in (0, 2, 4)] == [[2], [1.0], [18014398509481986]]
    text = "Expected a number, got str - at $[0]"
    assert answers[3][1] == {"code": 400, "type": "InvalidInput", "message": text, "error": text}


PREDICTION = {"explain": "False", "url_path": ""}
INPUT = {"name": "x", "shape": [2], "datatype": "INT64", "parameters": {"binary_data_size": 16}}
BINARY = v2(INPUT, parameters={"binary_data_output": True}).encode()


def test_binary_tensors_in_and_out(doubleit: Made) -> None:
    handler, context = doubleit
    sent = RequestProcessor({"Inference-Header-Content-Length": str(len(BINARY))})
    context.request_processor = [sent]
    (body,) = handler.handle([{"body": BINARY + np.array([1, -2]).tobytes()}], context)
    assert context.get_response_status(0)[0] == 200
    assert context.get_response_content_type(0) == "application/octet-stream"
    size = int(context.get_response_headers(0)[JSON_SIZE])
    assert json.loads(body[:size])["outputs"][0]["shape"] == [2]
    assert body[size:] == np.array([2, -4]).tobytes()


@pytest.mark.parametrize("size", ["", "-1", "1.5", "99", "9" * 5_000, "\u0661", "0x1"])
def test_a_header_that_is_no_number_of_bytes_is_refused(doubleit: Made, size: str) -> None:
    ((status, answer),) = ask(doubleit, b"[1]", headers={0: {JSON_SIZE: size}})
    assert status == 400
    assert answer["message"].startswith("Expected a number of at most 3 bytes")
    assert len(answer["message"]) < 300


def test_a_compressed_body_is_refused_with_a_remedy(doubleit: Made) -> None:
    gzip = {"Content-Encoding": "gzip"}
    answers = ask(doubleit, b"\x1f\x8b", b"[1]", headers={0: gzip, 1: gzip})
    assert answers[0][0] == 415
    assert "with Content-Encoding: gzip: send it as it is" in answers[0][1]["error"]
    # A body that can be parsed is accepted in spite of the header.
    assert answers[1] == (200, [2])


def test_readiness_metadata_and_unknown_paths(doubleit: Made) -> None:
    headers = {
        0: PREDICTION | {"url_path": "ready"},
        1: PREDICTION | {"url_path": "other" * 100},
        2: PREDICTION | {"explain": "True"},
        3: PREDICTION | {"url_path": "metadata"},
        4: {"describe": "True"},  # the management API
        5: {"Host": "x"},
    }
    invocation = {"metadata": b"1", "body": b""}
    answers = ask(doubleit, b"", b"", b"[1]", b"", {}, invocation, headers=headers)
    assert answers[0] == (200, {"name": "doubleit", "version": "1.0", "ready": True})
    assert [status for status, _ in answers[1:3]] == [404, 404]
    assert len(answers[1][1]["message"]) < 200
    assert answers[3:] == [(200, doubleit[0].describe_handle())] * 3
    described = answers[3][1]
    assert (described["name"], described["versions"]) == ("doubleit", ["1.0"])
    assert (described["platform"], described["batch"]) == ("pytorch_torchscript", "elements")
    assert (described["inputs"][0]["minimum"], described["device"]) == (-(2**62), "cpu")


@pytest.mark.parametrize(
    "sent", [PREDICTION | {"Describe": "True"}, {"explain": "True"}, {"url_path": "ready"}]
)
def test_flags_of_torchserves_in_a_clients_headers_are_not_obeyed(
    doubleit: Made, sent: dict[str, str]
) -> None:
    assert ask(doubleit, b"[1]", headers={0: sent}) == [(200, [2])]


def test_a_model_that_raises_gives_that_request_a_5xx_and_the_others_their_answers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = models.save(models.Unlucky(), tmp_path / "m.pt")
    made = make(path, {"model": {"batch": "elements"}})
    first, (status, error), last = ask(made, b"[1]", b"[13]", b"[2]")
    assert (first, last) == ((200, [2]), (200, [4]))
    assert (status, error["type"]) == (500, "ModelError")
    assert "13 brings bad luck" in error["message"]
    assert caplog.messages == [error["message"]]


@pytest.mark.parametrize("error", [MemoryError, ValueError, RecursionError])
@pytest.mark.parametrize("stage", ["parse", "run", "render"])
def test_whatever_one_request_raises_is_its_own(
    doubleit: Made, monkeypatch: pytest.MonkeyPatch, error: type[Exception], stage: str
) -> None:
    def fail(*_: Any) -> Any:
        raise error("secret")

    parse_really, run_really = parse.parse, Module.__call__

    def parsed(body: bytes, *more: Any) -> Any:
        if stage == "parse" and body == b"[13]":
            fail()
        request = parse_really(body, *more)
        if stage == "render" and body == b"[13]":
            return SimpleNamespace(calls=request.calls, render=fail)
        return request

    def run(module: Module, call: Call) -> Outputs:
        if stage == "run" and 13 in call["numbers"].array:
            fail()
        return run_really(module, call)

    monkeypatch.setattr(parse, "parse", parsed)
    monkeypatch.setattr(Module, "__call__", run)
    first, bad, last = ask(doubleit, b"[1]", b"[13]", b"[2]")
    assert (first, last) == ((200, [2]), (200, [4]))
    assert bad[0] in (400, 413, 500)
    assert (bad[0] == 500) == (stage == "run" or (stage == "render" and error is not MemoryError))
    assert "secret" not in bad[1]["message"]


HTTP = Headers([("Host", "x")])


def test_large_requests_are_answered_one_after_another_the_smallest_first(doubleit: Made) -> None:
    """While one request is processed, the bodies of those before it are freed."""
    handler, _ = doubleit
    large = b"[" + b"1," * handler_module.TOGETHER_BYTES + b"1]"
    fields: list[Any] = [{"body": body} for body in (large + b" ", b"[1]", large, b"[2]")]
    steps = [
        ([i for i, _ in answers], [bool(field) for field in fields])
        for answers in handler.answer(fields, [HTTP] * 4)
    ]
    assert steps == [
        ([1, 3], [True, False, True, False]),
        ([2], [True, False, False, False]),
        ([0], [False, False, False, False]),
    ]


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        # A request does not wait for the slow ones behind it.
        ([b"[%d]" % n for n in (0, 0, 10, 0, 20)], [(0.01, [0, 1, 2]), (0.03, [3, 4])]),
        # A long request shows that it makes progress.
        ([b'{"instances": [[700], [700], [700], [700]]}'], [(1.4, []), (2.8, [0])]),
    ],
)
def test_responses_are_passed_on_while_slower_calls_run(
    torchscript: Path, monkeypatch: pytest.MonkeyPatch, bodies: list[bytes], expected: list[Any]
) -> None:
    handler, _ = make(torchscript, {"model": {**DOUBLEIT["model"], "batch": "none"}})
    now = [0.0]
    monkeypatch.setattr(handler_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
    really = Module.__call__

    def call(self: Module, inputs: Call) -> Outputs:
        now[0] += float(inputs["numbers"].array[0]) / 1000  # [n, ...] takes n milliseconds
        return really(self, inputs)

    monkeypatch.setattr(Module, "__call__", call)
    answers = handler.answer([{"body": body} for body in bodies], [HTTP] * len(bodies))
    assert [(round(now[0], 3), [i for i, _ in some]) for some in answers] == expected


def test_limits_hold_for_one_request(torchscript: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("memory", "response"):
        monkeypatch.setattr(limits, name, None)  # restored afterwards
    monkeypatch.setenv("MAX_RESPONSE_BYTES", "100")
    monkeypatch.setenv("REQUEST_MEMORY_BYTES", "10000")
    made = make(torchscript, DOUBLEIT)
    long = json.dumps([1000] * 30).encode()
    large = json.dumps([1] * 300).encode()
    assert [status for status, _ in ask(made, b"[1]", long, large)] == [200, 413, 413]
    # Binary data takes less memory than JSON.
    for factor, status in ((8, 200), (12, 413)):
        head = BINARY.replace(b"[2]", b"[%d]" % (factor * 10)).replace(b"16", b"%d" % (factor * 80))
        sent = Headers([(JSON_SIZE, str(len(head)))])
        monkeypatch.setattr(limits, "response", None)
        monkeypatch.setattr(limits, "memory", limits.JSON * len(head) + limits.BINARY * 800)
        (((_, answer),),) = made[0].answer([{"body": head + bytes(factor * 80)}], [sent])
        assert answer.status == status


def test_a_gpu_is_used_where_torch_has_one(
    torchscript: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    handler, _ = make(torchscript, DOUBLEIT, gpu=0)
    assert handler.describe_handle()["device"] == "cpu"
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    # Works without a GPU: the error proves that the handler tried to use one.
    with pytest.raises((ValueError, RuntimeError, AssertionError), match=r"(?i)cuda"):
        make(torchscript, DOUBLEIT, gpu=99)


def test_the_lock_is_held_while_a_batch_is_worked_on(
    torchscript: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lock"
    monkeypatch.setenv("IN_FLIGHT_LOCK", str(path))
    handler, _ = make(torchscript, DOUBLEIT)
    answers = handler.answer([{"body": b"[1]"}], [HTTP])
    with path.open() as file:
        next(answers)
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert not list(answers)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize("module", [modules.maybe, modules.keys])
@pytest.mark.parametrize("batch", ["none", "rows"])
def test_an_absent_output_is_never_another_ones_values(
    tmp_path: Path, module: Callable[..., Any], batch: str
) -> None:
    """Whatever a call returns, its outputs keep their names, and the response its form."""
    names = ["first", "second", "third"] if module is modules.maybe else ["a", "b"]
    settings = {"batch": batch, "outputs": names}
    made = make(models.save(module, tmp_path / "m.pt"), {"model": settings})
    for number in (1, 0, -1):
        instances = [number] if batch == "rows" else [[number]]
        (_, bare), (_, v1), (_, described) = ask(
            made,
            b"[%d]" % number,
            json.dumps({"instances": instances}).encode(),
            v2(tensor([number])).encode(),
        )
        outputs = {output["name"]: output["data"] for output in described["outputs"]}
        assert bare == outputs
        assert v1["predictions"] == [
            {name: data[0] if batch == "rows" else data for name, data in outputs.items()}
        ]
        for name in names:
            request = v2(tensor([number]), outputs=[{"name": name}])
            ((status, answer),) = ask(made, request.encode())
            if name in outputs:
                assert answer["outputs"][0]["data"] == outputs[name]
            else:
                assert status == 400
                assert f'The model\'s answer has no output "{name}"' in answer["message"]
