from __future__ import annotations

import csv
import io
import json
import shlex
import types
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend import export
from frontend.model import Request, numbers
from frontend.settings import Settings

SETTINGS = Settings("http://127.0.0.1:8080")
ONE = numbers(np.array([1]), None)
LARGE = np.array([2**53 + 1, -(2**62)])

floats = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.integers(-(2**63), 2**63 - 1)) | st.lists(floats))
def test_downloads_hold_every_number_exactly(values: list[int] | list[float]) -> None:
    kind = float if values and isinstance(values[0], float) else int
    array = np.array(values, kind)
    rows = list(csv.reader(io.StringIO(export.to_csv(array, array).decode())))
    assert rows[0] == ["input", "output"]
    assert [list(map(repr, map(kind, row))) for row in rows[1:]] == [[repr(v)] * 2 for v in values]
    found = json.loads(export.to_json({"input": array, "output": array}))
    for kept in (found["input"], found["output"], json.loads(export.body_of(numbers(array, None)))):
        assert list(map(repr, kept)) == list(map(repr, values))


def test_the_curl_line_sends_the_same_numbers_to_the_same_version() -> None:
    line = export.to_curl(numbers(LARGE, None), "2.0", SETTINGS).replace("\\\n", "")
    assert shlex.split(line) == [
        "curl",
        "-H",
        "Content-Type: application/json",
        "--data-binary",
        "[9007199254740993,-4611686018427387904]",
        "http://127.0.0.1:8080/predictions/doubleit/2.0",
    ]


@pytest.mark.parametrize(
    ("request_", "file"),
    [
        (numbers(np.arange(400), None), "request.json"),
        (numbers(np.arange(100), None), None),
        (Request(b'{"inputs": []}'), None),
        (Request(b"x" * 1001), "request.json"),
        (Request(b"\x89PNG", "image/png"), "input.png"),
        (Request(b"x", "text/x-unknown"), "input.bin"),
    ],
)
def test_a_long_body_or_a_file_is_next_to_the_command(request_: Request, file: str | None) -> None:
    assert export.file_of(request_) == file
    for command in (export.to_curl, export.to_python):
        assert (str(file) in command(request_, None, SETTINGS)) is (file is not None)
    assert (export.to_link(request_, None, "http://page/") is None) is (file is not None)


@pytest.mark.parametrize("body", [b"[1.5, 2]", b'{"inputs": [{"name": "it\'s"}]}'])
def test_the_program_sends_the_same(body: bytes) -> None:
    sent: list[object] = []
    program = export.to_python(Request(body), "2.0", SETTINGS)

    class Answer:
        text = "[2]"

        @staticmethod
        def raise_for_status() -> None: ...

    def post(url: str, **named: object) -> type[Answer]:
        sent.extend([url, named["data"], named["headers"]])
        return Answer

    stand_in = types.SimpleNamespace(post=post)
    exec(program.replace("import requests", ""), {"requests": stand_in})  # noqa: S102
    assert sent == [
        "http://127.0.0.1:8080/predictions/doubleit/2.0",
        body.decode(),
        {"Content-Type": "application/json"},
    ]


def test_a_link_holds_input_and_version() -> None:
    link = export.to_link(numbers(LARGE, None), "2.0", "http://page/")
    query = parse_qs(urlsplit(str(link)).query)
    assert query == {"version": ["2.0"], "input": ["[9007199254740993,-4611686018427387904]"]}


@pytest.mark.parametrize("url", ["https://example.com/a b", "https://example.com/$(x)'"])
def test_the_address_is_quoted_for_the_shell(url: str) -> None:
    assert shlex.split(export.to_curl(ONE, None, Settings(url)))[-1] == (
        f"{url}/predictions/doubleit"
    )


def test_an_identity_is_shown_where_one_is_needed() -> None:
    settings = Settings("https://example.com", id_token=True)
    line = export.to_curl(ONE, None, settings)
    assert '-H "Authorization: Bearer $(gcloud auth print-identity-token)"' in line
    assert '"Authorization": f"Bearer {token}"' in export.to_python(ONE, None, settings)
