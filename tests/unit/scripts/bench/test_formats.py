from __future__ import annotations

import json

import pytest

from scripts.bench.formats import PLAIN, ROWS, V2, Format


@pytest.mark.parametrize(
    ("list_format", "body", "answer"),
    [
        (PLAIN, [1, 2], [2, 4]),
        (ROWS, {"numbers": [[1, 2]]}, [[2, 4]]),
        (
            V2,
            {"inputs": [{"name": "numbers", "shape": [1, 2], "datatype": "INT64", "data": [1, 2]}]},
            {"outputs": [{"data": [2, 4]}]},
        ),
    ],
)
def test_a_right_answer_has_no_mistake(list_format: Format, body: object, answer: object) -> None:
    assert json.loads(list_format.body([1, 2])) == body
    assert list_format.mistake([1, 2], json.dumps(answer).encode()) == ""


@pytest.mark.parametrize("answer", [b"[2, 5]", b"[2]", b"[]", b'{"code": 503}'])
def test_a_wrong_answer_is_a_mistake(answer: bytes) -> None:
    assert "2 numbers were not doubled" in PLAIN.mistake([1, 2], answer)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b"{}", b'{"outputs": []}'])
def test_a_response_in_another_format_is_a_mistake(answer: bytes) -> None:
    assert "does not have the expected format" in V2.mistake([1, 2], answer)
