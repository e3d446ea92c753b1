"""Code beside a model, on a real server: whatever one request makes it do is that request's own."""

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pytest
import requests
from urllib3.filepost import encode_multipart_formdata

from tests.support import hooks
from tests.support.operators import ONE_WORKER
from tests.support.server import Server

CLIENTS, REQUESTS = 64, 640
# Requests of a quarter of a second each that take longer together than the worker's timeout.
SLOW = 24
CSV = "text/csv; charset=utf-8"
X = {"name": "x", "shape": [1, 2], "datatype": "FP32"}
K = {"name": "k", "shape": [1], "datatype": "INT64"}
FORM, FORM_TYPE = encode_multipart_formdata({"data": ("a.csv", "2,3,4", CSV), "unit": "m"})
JSON = "application/json"


class Case(NamedTuple):
    """A request: its body, or the JSON value of it, its content type, the response and a query.

    The response is the JSON value, the bytes, or a part of an error's message.
    """

    body: Any
    content_type: str
    status: int
    answer: Any
    query: str = ""


V2_ANSWER = {
    "model_name": "hooks",
    "model_version": "1.0",
    "outputs": [
        {"name": "y", "shape": [1, 2], "datatype": "FP32", "data": [6.0, 6.0]},
        {"name": "parity", "shape": [1], "datatype": "INT64", "data": [1]},
    ],
}
FAULTY_LINE = hooks.CODE.partition("missing")[0].count("\n") + 1
INSTANCES = [{"x": [1, 2], "k": 3}, {"x": [0, 1], "k": 2}]
PREDICTIONS = [{"y": [6.0, 6.0], "parity": 1}, {"y": [3.0, 0.0], "parity": 0}]
CASES = [
    Case("1,2,3", CSV, 200, {"sum": 6.0, "product": 6.0}),
    Case("0.5,1,0", "image/x-anything", 200, {"sum": 1.5, "product": 0.0}),
    Case(FORM, FORM_TYPE, 200, {"sum": 9.0, "product": 24.0, "unit": "m"}, "?unit=of the query"),
    Case("8,4,3", CSV, 200, b"sum,product\n15,0\n"),
    Case({"inputs": [X | {"data": [1, 2]}, K | {"data": [3]}]}, JSON, 200, V2_ANSWER),
    Case({"instances": INSTANCES}, JSON, 200, {"predictions": PREDICTIONS}),
    Case("1,2", CSV, 400, "not enough values to unpack"),
    Case("8,4,1", CSV, 400, "13 brings bad luck"),
    Case("shape", CSV, 400, "Expected shape [-1, 2] for x, got [1, 3] - at the input x"),
    Case("1,2,3", "text/plain", 415, "text/plain is not accepted: send text/csv, image/*"),
    Case("1,2,3", "application/x-www-form-urlencoded", 415, "application/json or text/csv"),
    Case("bug", CSV, 500, f"KeyError in line {FAULTY_LINE} of own.py"),
    Case("exit", CSV, 500, "preprocess failed: SystemExit"),
    Case("names", CSV, 500, 'has no input "other", it has x, k - at the result'),
    Case("list", CSV, 500, "preprocess returned list"),
    Case("type", CSV, 500, "preprocess returned str for x"),
    Case("kind", CSV, 500, "FP32 for k, which takes INT64"),
    Case("nan", CSV, 500, "The result of postprocess is no JSON: ValueError"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    store = tmp_path_factory.mktemp("hooks")
    hooks.package(store)
    # One worker, so that batches are large.
    with Server(store, store / "log", "hooks", environment=ONE_WORKER) as server:
        yield server


def check(server: Server, case: Case) -> None:
    url = f"{server.url}/predictions/hooks{case.query}"
    body = json.dumps(case.body) if isinstance(case.body, dict) else case.body
    got = requests.post(url, data=body, headers={"Content-Type": case.content_type}, timeout=120)
    assert got.status_code == case.status, (case, got.text)
    if case.status != 200:
        assert case.answer in got.json()["message"], case
    elif isinstance(case.answer, bytes):
        assert (got.content, got.headers["Content-Type"]) == (case.answer, "text/csv")
    else:
        assert got.json() == case.answer, case


def test_each_request_gets_its_own_answer_among_64_clients(server: Server) -> None:
    cases = CASES + random.Random(1).choices(CASES, k=REQUESTS - len(CASES))
    workers = server.worker_pids()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(lambda case: check(server, case), cases))
    assert server.worker_pids() == workers


def test_binary_tensors_stay_tensors(server: Server) -> None:
    size = {"parameters": {"binary_data_size": 8}}
    head = json.dumps({"inputs": [X | size, K | size]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": CSV}
    body = head + np.array([1, 2], np.float32).tobytes() + np.array([3]).tobytes()
    assert server.post(body, "/v2/models/hooks/infer", **headers).json() == V2_ANSWER


def test_slow_code_delays_no_request_beyond_the_timeout_of_a_worker(server: Server) -> None:
    """The time limit is that of one request, not of the requests of a batch together."""
    workers, slow = server.worker_pids(), Case("sleep0.25", CSV, 200, {"sum": 6.0, "product": 6.0})
    with ThreadPoolExecutor(SLOW) as pool:
        list(pool.map(lambda _: check(server, slow), range(SLOW)))
    assert server.worker_pids() == workers
