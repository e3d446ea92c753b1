from __future__ import annotations

import csv
import io
import json
import shlex

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend import export
from frontend.settings import Settings

SETTINGS = Settings("http://127.0.0.1:8080")
LARGE = np.array([2**53 + 1, -(2**62)])

floats = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.integers(-(2**63), 2**63 - 1)) | st.lists(floats))
def test_downloads_hold_every_number_exactly(values: list[int] | list[float]) -> None:
    kind = float if values and isinstance(values[0], float) else int
    array = np.array(values, kind)
    rows = list(csv.reader(io.StringIO(export.to_csv(array, array).decode())))
    assert rows[0] == ["input", "output"]
    assert [list(map(repr, map(kind, row))) for row in rows[1:]] == [[repr(v)] * 2 for v in values]
    found = json.loads(export.to_json("doubleit", array, array, "1.0"))
    for kept in (found["input"], found["output"], json.loads(export.to_list(array))):
        assert list(map(repr, kept)) == list(map(repr, values))
    assert (found["model"], found["version"]) == ("doubleit", "1.0")


def test_the_curl_line_sends_the_same_numbers_to_the_same_version() -> None:
    line = export.to_curl(LARGE, "2.0", SETTINGS).replace("\\\n", "")
    assert shlex.split(line) == [
        "curl",
        "-H",
        "Content-Type: application/json",
        "-d",
        "[9007199254740993,-4611686018427387904]",
        "http://127.0.0.1:8080/predictions/doubleit/2.0",
    ]


def test_a_long_list_is_in_a_file_next_to_the_curl_line() -> None:
    values = np.arange(export.CURL_NUMBERS + 1)
    assert "-d @numbers.json" in export.to_curl(values, None, SETTINGS)
    assert "@" not in export.to_curl(values[1:], None, SETTINGS)


@pytest.mark.parametrize("url", ["https://example.com/a b", "https://example.com/$(x)'"])
def test_the_address_is_quoted_for_the_shell(url: str) -> None:
    assert shlex.split(export.to_curl(np.array([1]), None, Settings(url)))[-1] == (
        f"{url}/predictions/doubleit"
    )


def test_the_curl_line_shows_an_identity_where_one_is_needed() -> None:
    line = export.to_curl(np.array([1]), None, Settings("https://example.com", id_token=True))
    assert '-H "Authorization: Bearer $(gcloud auth print-identity-token)"' in line
