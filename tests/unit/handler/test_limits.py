from __future__ import annotations

import pytest

import limits
from limits import Limits
from wire.errors import RequestError

BODIES = {
    "list": (b"[" + b"1," * 5_000 + b"1]", None, limits.JSON),
    "binary": (bytes(10_000), 0, limits.BINARY),
}


@pytest.mark.parametrize("form", BODIES)
def test_a_body_that_takes_more_memory_than_there_is_is_refused_unread(form: str) -> None:
    body, json_size, factor = BODIES[form]
    enough = factor * len(body)
    Limits(memory=enough).check_request(body, json_size)
    with pytest.raises(RequestError) as caught:
        Limits(memory=enough - 1).check_request(body, json_size)
    assert caught.value.kind == "PayloadTooLarge"


def test_json_before_binary_data_counts_as_json() -> None:
    size = 1_000 * limits.JSON + 9_000 * limits.BINARY
    Limits(memory=size).check_request(bytes(10_000), 1_000)
    with pytest.raises(RequestError):
        Limits(memory=size - 1).check_request(bytes(10_000), 1_000)


def test_an_answer_that_torchserve_would_not_take_is_refused() -> None:
    Limits(response=3).check_response(b"[1]")
    with pytest.raises(RequestError) as caught:
        Limits(response=3).check_response(b"[10]")
    assert caught.value.kind == "PayloadTooLarge"


def test_the_server_sets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Limits.from_environment() == Limits(None, None)
    monkeypatch.setenv("MAX_RESPONSE_BYTES", "5")
    monkeypatch.setenv("REQUEST_MEMORY_BYTES", "6")
    assert Limits.from_environment() == Limits(5, 6)
