"""Form bodies that TorchServe's own parser fails on, before any worker is asked.

Its answer is a 500 where 400 would be right, and nothing outside TorchServe can change that. These
tests say what happens instead, and that it stays without consequence.
"""

from __future__ import annotations

import pytest
import requests

from tests.support.server import Server

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (FORM, "a=%zz"),
        (MULTIPART, "--x\r\nContent-Disposition: form-data\r\n\r\n[1]\r\n--x--\r\n"),
        (MULTIPART, '--x\r\nContent-Disposition: form-data; name=""\r\n\r\n[1]\r\n--x--\r\n'),
    ],
)
def test_a_broken_form_is_torchserves_own_500_and_no_workers_business(
    server: Server, kind: str, body: str
) -> None:
    workers = server.worker_pids()
    response = requests.post(
        server.predictions, data=body, headers={"Content-Type": kind}, timeout=10
    )
    assert response.status_code == 500
    assert response.json()["type"] == "ErrorDataDecoderException"
    assert server.post("[1]").text == "[2]"
    assert set(workers) <= set(server.worker_pids())


@pytest.mark.parametrize(
    "body",
    ["", "abc", "--x", "--x--\r\n", '--x\r\nContent-Disposition: form-data; name="data"\r\n\r\n[1'],
)
def test_an_unfinished_form_is_a_400(server: Server, body: str) -> None:
    response = requests.post(
        server.predictions, data=body, headers={"Content-Type": MULTIPART}, timeout=10
    )
    assert response.status_code == 400


@pytest.mark.parametrize("size", [1, 100, 5_000, 100_000])
@pytest.mark.parametrize("file_name", [None, "numbers.json"])
def test_a_form_field_of_any_size_is_read_whole(
    server: Server, size: int, file_name: str | None
) -> None:
    numbers = ",".join(map(str, range(size)))
    response = requests.post(
        server.predictions, files={"data": (file_name, f"[{numbers}]")}, timeout=10
    )
    assert response.json() == [2 * n for n in range(size)]
