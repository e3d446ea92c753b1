"""High concurrency: batches of different shapes and datatypes, valid and invalid requests."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import pytest
import torch

from tests.models.forms import FORMS, Sent
from tests.models.kinds import BY_NAME, Kind, Tensors
from tests.models.serving import Serving
from tests.models.test_forms import same

CLIENTS = 64
REQUESTS = 256

# Requests that are refused for any model with 400: bare bodies, and V2's inputs.
BARE = [b"[[1, 2", b'[["one"]]', b"[[1, 2], [3]]"]
V2 = [
    b'{"name": "x", "shape": [1], "datatype": "FP8", "data": [1]}',
    b'{"name": "x", "shape": [1], "datatype": "FP32", "data": [1]},'
    b' {"name": "no such", "shape": [1], "datatype": "FP32", "data": [1]}',
]


def bad(kind: Kind, dice: random.Random) -> Sent:
    """Return a request that is refused."""
    body = dice.choice(BARE + V2)
    if body in BARE:
        return Sent(f"/predictions/{kind.name}", body, {})
    return Sent(f"/v2/models/{kind.name}/infer", b'{"inputs": [%b]}' % body, {})


@pytest.mark.parametrize("name", ["classifier", "encoder", "echo"])
def test_no_request_gets_the_response_or_error_of_another(serving: Serving, name: str) -> None:
    kind = BY_NAME[name]
    module = serving.module(kind)
    dice = random.Random(name)
    asked: list[tuple[str, Tensors, Sent]] = []
    for seed in range(REQUESTS):
        if dice.random() < 0.25:
            asked.append(("", {}, bad(kind, dice)))
            continue
        inputs = kind.ask(torch.Generator().manual_seed(seed), dice.randint(1, 5))
        form = dice.choice([each for each in FORMS if len(inputs) == 1 or each != "bare"])
        asked.append((form, inputs, FORMS[form][0](kind, inputs)))
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(serving.send, [sent for _, _, sent in asked]))
    for (form, inputs, sent), answer in zip(asked, answers, strict=True):
        expected = HTTPStatus.OK if form else HTTPStatus.BAD_REQUEST
        assert answer.status_code == expected, (sent, answer.text)
        if form:
            got = FORMS[form][1](kind, answer)
            for output, tensor in kind.answer(module, inputs).items():
                same(kind, got[output], tensor)
