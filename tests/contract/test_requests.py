"""The requests library, with the KServe V1 and Vertex AI formats from their documentation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.support.server import Server


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"instances": [[1, 2], [3.5]]}, {"predictions": [[2, 4], [7.0]]}),
        ({"instances": [1, 2.5, -3]}, {"predictions": [2, 5.0, -6]}),
        ({"instances": []}, {"predictions": []}),
        # Vertex AI also sends the parameters of its predict call.
        ({"instances": [[1]], "parameters": {"confidence": 0.5}}, {"predictions": [[2]]}),
        ({"instances": [[1]], "parameters": None}, {"predictions": [[2]]}),
    ],
)
@pytest.mark.parametrize("path", ["/v1/models/doubleit:predict", "/predictions/doubleit"])
def test_instances_are_predicted_one_by_one(
    server: Server, path: str, body: dict[str, Any], answer: dict[str, Any]
) -> None:
    response = requests.post(server.url + path, json=body, timeout=10)
    assert response.json() == answer
    assert response.ok


def test_a_body_may_be_streamed_in_chunks(server: Server) -> None:
    pieces = (b"[1", b",2", b",3]")
    response = requests.post(server.predictions, data=iter(pieces), timeout=10)
    assert response.json() == [2, 4, 6]


def test_many_threads_share_a_session(server: Server) -> None:
    with requests.Session() as session, ThreadPoolExecutor(8) as pool:

        def once(n: int) -> bool:
            answer = session.post(server.predictions, json=[n, n + 0.5], timeout=30).json()
            return bool(answer == [2.0 * n, 2.0 * n + 1])

        assert all(pool.map(once, range(200)))
