"""Which responses count as equal."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from server.client import Addresses, Client
from server.versions import comparison
from server.versions.comparison import Check, Comparable, Sent
from server.versions.registered import VersionsError

CLIENT = Client(Addresses("m", *["http://127.0.0.1:1"] * 3))
REQUEST = Sent(b"[1]")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("[2]", "[ 2 ]", True),
        ("[2]", "[2.0]", False),
        ("[18014398509481986]", "[18014398509481985]", False),
        ("[0.2]", "[0.20000000000000001]", True),
        ("[0.2]", "[0.20000000000000004]", False),
        ("[-0.0]", "[0.0]", False),
        ('{"a":1,"b":2}', '{"b":2,"a":1}', True),
        ('{"model_version":"1.0","a":1}', '{"model_version":"2.0","a":1}', True),
        ('{"model_name":"x"}', '{"model_name":"y"}', False),
        ("no JSON", "[1]", False),
    ],
)
def test_responses_are_compared_digit_by_digit(one: str, other: str, same: bool) -> None:
    assert (comparison._comparable(one) == comparison._comparable(other)) is same


@pytest.mark.parametrize(
    ("old", "new", "accept", "message"),
    [
        ((200, "x"), (400, "x"), False, "expected 200 x as from 1.0, got 400 x"),
        ((200, "x"), (200, "y"), True, None),
        ((200, "x"), (400, "y"), True, "expected 200 as from 1.0, got 400 y"),
        ((400, "x"), (200, "y"), True, "prove nothing"),
        ((400, "x"), (400, "y"), True, "prove nothing"),
        ((400, "x"), (500, "y"), True, "expected 400 x as from 1.0, got 500 y"),
    ],
)
def test_differences_are_accepted_on_request_as_long_as_it_returns_200(
    monkeypatch: pytest.MonkeyPatch,
    old: tuple[int, str],
    new: tuple[int, str],
    accept: bool,
    message: str | None,
) -> None:
    answers = {"1.0": Comparable(*old), "2.0": Comparable(*new)}
    monkeypatch.setattr(comparison, "_predict", lambda _, version, *__: answers[version])
    with pytest.raises(VersionsError, match=message) if message else nullcontext():
        comparison.compare(CLIENT, "1.0", "2.0", Check([REQUEST], 0.1, accept))


def test_a_full_queue_of_the_default_is_not_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([Comparable(503, "full"), Comparable(200, "x")])
    monkeypatch.setattr(comparison, "RETRY_SECONDS", 0)
    monkeypatch.setattr(comparison, "_predict", lambda *_: next(answers))
    assert comparison._patiently(CLIENT, "1.0", REQUEST, 5) == Comparable(200, "x")


def test_a_server_that_is_gone_is_no_answer_to_compare_with() -> None:
    with pytest.raises(VersionsError, match=r"version 1.0 fails on \[1\]: no server responds"):
        comparison.compare(CLIENT, "1.0", "2.0", Check([REQUEST], 1, accept_differences=False))


def test_a_file_holds_a_request_on_each_line(tmp_path: Path) -> None:
    file = tmp_path / "bodies"
    file.write_bytes(b'[1]\r\n\n  {"inputs": []} \nnot JSON')
    assert [sent.body for sent in comparison.read(file)] == [b"[1]", b'{"inputs": []}', b"not JSON"]
    file.write_bytes(b"\n \n")
    with pytest.raises(VersionsError, match="contains no request"):
        comparison.read(file)
