import csv
import io
import json
import shlex
from unittest.mock import Mock
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend import export
from frontend.model import Request, numbers
from frontend.settings import Settings

SETTINGS = Settings("https://example.com/$(x)'b")
URL = "https://example.com/$(x)'b/predictions/doubleit/2.0"
LARGE = numbers(np.array([2**53 + 1, -(2**62)]), None)
TEXT = "[9007199254740993,-4611686018427387904]"


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1))
    | st.lists(st.floats(allow_nan=False, allow_infinity=False))
)
def test_downloads_hold_every_number_exactly(values: list[int] | list[float]) -> None:
    kind = float if values and isinstance(values[0], float) else int
    array = np.array(values, kind)
    heading, *rows = csv.reader(io.StringIO(export.to_csv(array, array).decode()))
    assert heading == ["input", "output"]
    assert [list(map(repr, map(kind, row))) for row in rows] == [[repr(v)] * 2 for v in values]
    # Floats stay floats.
    assert kind is int or all(set(text) & set(".e") for row in rows for text in row)
    found = json.loads(export.to_json({"input": array, "output": array}))
    for kept in (found["input"], found["output"], json.loads(export.body_of(numbers(array, None)))):
        assert list(map(repr, kept)) == list(map(repr, values))


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


@pytest.mark.parametrize(
    ("request_", "body"), [(LARGE, TEXT), (Request(b'[{"name": "it\'s"}]'), '[{"name": "it\'s"}]')]
)
def test_command_program_and_link_send_the_same_to_the_same_version(
    request_: Request, body: str
) -> None:
    line = export.to_curl(request_, "2.0", SETTINGS).replace("\\\n", "")
    header = "Content-Type: application/json"
    assert shlex.split(line) == ["curl", "-H", header, "--data-binary", body, URL]
    requests, headers = Mock(), {"Content-Type": "application/json"}
    program = export.to_python(request_, "2.0", SETTINGS).replace("import requests", "")
    exec(program, {"requests": requests})  # noqa: S102
    requests.post.assert_called_once_with(URL, data=body, headers=headers, timeout=60)
    link = export.to_link(request_, "2.0", "http://page/")
    assert parse_qs(urlsplit(str(link)).query) == {"version": ["2.0"], "input": [body]}


def test_an_identity_is_shown_where_one_is_needed() -> None:
    settings = Settings("https://example.com", id_token=True)
    line = export.to_curl(LARGE, None, settings)
    assert '-H "Authorization: Bearer $(gcloud auth print-identity-token)"' in line
    assert '"Authorization": f"Bearer {token}"' in export.to_python(LARGE, None, settings)
