"""Form bodies reach the handler whole; tests/unit/handler/test_forms.py has the rules for them."""

from __future__ import annotations

import pytest
import requests

from tests.support.server import Server

MULTIPART = "multipart/form-data; boundary=x"
PART = '--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'


def form(*fields: tuple[str, str]) -> str:
    return "".join(PART.format(name=name, value=value) for name, value in fields) + "--x--\r\n"


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/x-www-form-urlencoded", "a=%zz" + "&" * 100_000, 415),
        (MULTIPART, form(("data", "[1]"), ("body", "[2]")), 400),
        (MULTIPART, form(*[("a", "1")] * 5_000), 400),
        (MULTIPART, form(("data", "[1]"))[:-8], 400),
        ("multipart/form-data; boundary=", form(("data", "[1]")), 400),
        ("Multipart/Form-Data; Boundary=x", form(("comment", "ignored"), ("data", "[1]")), 200),
    ],
)
def test_a_form_is_read_or_refused(server: Server, kind: str, body: str, status: int) -> None:
    workers = server.worker_pids()
    response = requests.post(
        server.predictions, data=body, headers={"Content-Type": kind}, timeout=10
    )
    assert response.status_code == status
    if status == 200:
        assert response.text == "[2]"
    else:
        assert response.json()["error"] == response.json()["message"]
    assert server.post("[1]").text == "[2]"
    assert set(workers) <= set(server.worker_pids())


@pytest.mark.parametrize("size", [1, 100_000])
@pytest.mark.parametrize("file_name", [None, "numbers.json"])
def test_a_form_field_of_any_size_is_read_whole(
    server: Server, size: int, file_name: str | None
) -> None:
    numbers = ",".join(map(str, range(size)))
    response = requests.post(
        server.predictions, files={"data": (file_name, f"[{numbers}]")}, timeout=10
    )
    assert response.json() == [2 * n for n in range(size)]
