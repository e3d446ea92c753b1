"""The contenders, the requests to them, and the checks of their responses."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import service_pb2

from scripts.bench import lineup, workloads
from scripts.bench.lineup import CONTENDERS, SELF, contenders
from scripts.bench.workloads import LISTS, MLP, NETWORKS, Array, Encoder, Example, Workload
from server.store.paths import ROOT

NUMBERS = Example("numbers", np.array([1, 2]), np.array([2, 4]))
(ROWS,) = MLP.examples().values()


def test_every_folder_is_that_of_a_contender_and_has_pinned_packages() -> None:
    contending = {contender.folder for contender in contenders(LISTS)} - {""}
    folders = {path.name for path in CONTENDERS.iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} == contending
    pinned = re.compile(r"[\w.-]+(\[\w+\])?==[\w.+!]+")
    for folder in contending - {"torchserve"}:
        lines = (CONTENDERS / folder / "requirements.txt").read_text().splitlines()
        assert lines
        assert [line for line in lines if not pinned.fullmatch(line)] == []


@pytest.mark.parametrize(
    ("commit", "archiver", "server"),
    [
        ("HEAD", "scripts.model.archiver", "server"),
        ("c837a02", "scripts.build_archive", "scripts.serve"),
    ],
)
def test_an_earlier_commit_is_started_by_the_modules_of_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commit: str, archiver: str, server: str
) -> None:
    if commit != "HEAD" and (ROOT / ".git" / "shallow").exists():
        pytest.skip("a shallow clone does not have earlier commits")
    monkeypatch.setattr(lineup, "CHECKOUTS", tmp_path)
    earlier = lineup.at(LISTS, commit)
    folder = Path(earlier.variables["PYTHONPATH"])
    try:
        assert earlier.name.startswith(f"{SELF} at {folder.name}")
        assert archiver in earlier.build
        assert server in earlier.command
        assert (folder / "scripts").is_dir()
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", folder], cwd=ROOT, check=True)


def response(encode: Encoder, output: Array) -> bytes:
    """Return a response with `output` in the format of a request."""
    if encode is workloads.v2_binary:
        return b'{"outputs": []}' + output.tobytes()
    if encode is workloads.v2_grpc:
        answer = service_pb2.ModelInferResponse(raw_output_contents=[output.tobytes()])
        return bytes(answer.SerializeToString())
    listed: Any = output.tolist()
    forms: dict[Encoder, Any] = {
        workloads.v2: {"outputs": [{"data": listed}]},
        workloads.rows: [listed],
    }
    return json.dumps(forms.get(encode, listed)).encode()


def numbers_of(encode: Encoder, example: Example) -> Array:
    """Return the numbers in a request."""
    request = encode(example, "model", "/")
    if encode is workloads.v2_grpc:
        message = service_pb2.ModelInferRequest.FromString(request.body)
        assert message.model_name == "model"
        assert list(message.inputs[0].shape) == [*example.rows.shape]
        return np.frombuffer(message.raw_input_contents[0], example.input.dtype)
    if encode is workloads.v2_binary:
        head = int(request.headers[workloads.LENGTH])
        return np.frombuffer(request.body[head:], example.input.dtype)
    body = json.loads(request.body)
    if isinstance(body, dict):
        body = body["inputs"][0]["data"] if "inputs" in body else body[example.name]
    return np.ravel(body).astype(example.input.dtype)


@pytest.mark.parametrize("example", [NUMBERS, ROWS], ids=["numbers", "rows"])
@pytest.mark.parametrize(
    "encode",
    [workloads.lists, workloads.rows, workloads.v2, workloads.v2_binary, workloads.v2_grpc],
)
def test_each_format_carries_the_numbers_and_only_the_models_output_is_right(
    encode: Encoder, example: Example
) -> None:
    assert np.array_equal(numbers_of(encode, example), example.input.ravel())
    mistake = encode(example, "model", "/").mistake
    assert mistake(response(encode, example.output)) == ""
    assert "is not the model's output" in mistake(response(encode, example.output + 1))
    assert mistake(response(encode, example.output[1:]))


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"{}", b'{"outputs": []}'])
def test_a_response_in_another_format_is_a_mistake(answer: bytes) -> None:
    assert "does not have the expected format" in workloads.v2(NUMBERS, "", "/").mistake(answer)


@pytest.mark.parametrize("workload", [LISTS, *NETWORKS], ids=lambda workload: workload.model)
def test_each_server_gets_the_first_load_and_this_one_gets_all(workload: Workload) -> None:
    own, *others = contenders(workload)
    assert own.name == SELF
    assert set(own.requests()) == {load.request for load in workload.loads}
    for contender in others:
        requests = contender.requests()
        assert next(iter(requests)) == workload.loads[0].request
        assert all(request.mistake(b"[]") for request in requests.values())
