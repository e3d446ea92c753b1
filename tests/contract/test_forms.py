"""Form bodies: multipart with one field is read, any other form body is refused."""

from __future__ import annotations

import pytest
import requests

from tests.support.server import Server

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
PART = '--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'


def form(*fields: tuple[str, str]) -> str:
    return "".join(PART.format(name=name, value=value) for name, value in fields) + "--x--\r\n"


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        (FORM, "a=%zz", 415),
        (FORM, "&" * 100_000, 415),
        (MULTIPART, "--x\r\nContent-Disposition: form-data\r\n\r\n[1]\r\n--x--\r\n", 400),
        (MULTIPART, form(("", "[1]")), 400),
        (MULTIPART, form(("data", "[1]"), ("data", "[2]")), 400),
        (MULTIPART, form(("data", "[1]"), ("body", "[2]")), 400),
        (MULTIPART, form(*[("a", "1")] * 5_000), 400),
        ("multipart/form-data", form(("data", "[1]")), 400),
        ("multipart/form-data; boundary=", form(("data", "[1]")), 400),
    ],
)
def test_a_form_without_a_body_is_refused(
    server: Server, kind: str, body: str, status: int
) -> None:
    workers = server.worker_pids()
    response = requests.post(
        server.predictions, data=body, headers={"Content-Type": kind}, timeout=10
    )
    assert response.status_code == status
    assert response.json()["error"] == response.json()["message"]
    assert server.post("[1]").text == "[2]"
    assert set(workers) <= set(server.worker_pids())


def test_the_type_may_be_written_in_capitals(server: Server) -> None:
    response = requests.post(
        server.predictions,
        data=form(("comment", "ignored"), ("data", "[1]")),
        headers={"Content-Type": "Multipart/Form-Data; Boundary=x"},
        timeout=10,
    )
    assert (response.status_code, response.text) == (200, "[2]")


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
