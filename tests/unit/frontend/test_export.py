from __future__ import annotations

import csv
import io
import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend import export
from frontend.settings import Settings

SETTINGS = Settings("http://127.0.0.1:8080")
LARGE = [2**53 + 1, -(2**62)]

floats = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.integers()) | st.lists(floats))
def test_downloads_hold_every_number_exactly(values: list[int] | list[float]) -> None:
    outputs = [value * 1 for value in values]
    rows = list(csv.reader(io.StringIO(export.to_csv(values, outputs))))
    assert rows[0] == ["input", "output"]
    assert rows[1:] == [[repr(value), repr(value)] for value in values]
    found = json.loads(export.to_json(values, outputs, "1.0"))
    assert list(map(repr, found["input"])) == list(map(repr, values))
    assert list(map(repr, found["output"])) == list(map(repr, values))
    assert (found["model"], found["version"]) == ("doubleit", "1.0")
    assert list(map(repr, json.loads(export.to_list(values)))) == list(map(repr, values))


def test_the_curl_line_sends_the_same_numbers_to_the_same_version() -> None:
    line = export.to_curl(LARGE, "2.0", SETTINGS).replace("\\\n", "")
    assert shlex.split(line) == [
        "curl",
        "-H",
        "Content-Type: application/json",
        "-d",
        "[9007199254740993, -4611686018427387904]",
        "http://127.0.0.1:8080/predictions/doubleit/2.0",
    ]


def test_a_long_list_stands_in_a_file_beside_the_curl_line() -> None:
    values = list(range(export.CURL_NUMBERS + 1))
    assert "-d @numbers.json" in export.to_curl(values, None, SETTINGS)
    assert "@" not in export.to_curl(values[1:], None, SETTINGS)


@pytest.mark.parametrize("url", ["https://example.com/a b", "https://example.com/$(x)'"])
def test_the_address_is_quoted_for_the_shell(url: str) -> None:
    assert shlex.split(export.to_curl([1], None, Settings(url)))[-1] == (
        f"{url}/predictions/doubleit"
    )


def test_the_curl_line_shows_an_identity_where_one_is_needed() -> None:
    line = export.to_curl([1], None, Settings("https://example.com", id_token=True))
    assert '-H "Authorization: Bearer $(gcloud auth print-identity-token)"' in line
