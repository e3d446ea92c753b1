"""The page's states, without a browser: checks the text that a user reads, not its appearance."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import streamlit as st
import urllib3
from streamlit.testing.v1 import AppTest

from frontend import memory, transport
from tests.frontend.api import CLASSIFIER, DOUBLEIT, Api, answer, answers, error, tensor
from tests.support.server import Server

PAGE = Path(__file__).resolve().parent.parent.parent / "frontend" / "app.py"


@pytest.fixture(autouse=True)
def _nothing_cached() -> None:
    st.cache_data.clear()


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, api: Api) -> AppTest:
    """The page before its first run, with the fake API."""
    monkeypatch.setenv("BACKEND_URL", api.url)
    monkeypatch.setenv("BACKEND_POLL", "0")
    monkeypatch.setattr(transport, "STATE_TIMEOUT", urllib3.Timeout(connect=1, read=0.5))
    api.replies = [answer([])]
    return AppTest.from_file(str(PAGE), default_timeout=30)


def submit(page: AppTest, text: str, version: str = "") -> AppTest:
    page.text_area(key="text").set_value(text)
    page.text_input(key="version").set_value(version)
    return page.button[0].click().run()


def words(page: AppTest) -> str:
    """Return all text on the page, without Markdown's backslashes."""
    assert not page.exception
    said = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info, *page.code]
    return re.sub(r"\\(?=[\W_])", "", "\n".join(element.value for element in said))


def metrics(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


@pytest.fixture
def real(server: Server, monkeypatch: pytest.MonkeyPatch, page: AppTest) -> AppTest:
    """The page with the real server."""
    monkeypatch.setenv("BACKEND_URL", server.url)
    return page.run()


def test_the_page_says_that_the_server_is_ready(real: AppTest) -> None:
    assert "Ready · version 1.0" in words(real)
    assert "The result appears here" in words(real)


def test_pasted_numbers_are_doubled_exactly(real: AppTest) -> None:
    submit(real, "9007199254740993, 1\n-2")
    assert metrics(real)["Numbers"] == "3"
    assert metrics(real)["Model version"] == "1.0"
    assert re.fullmatch(r"\d+ ms|\d\.\d\d s", metrics(real)["Time"])
    table = real.dataframe[0].value
    assert list(table["Input"]) == ["9007199254740993", "1", "-2"]
    assert list(table["Output"]) == ["18014398509481986", "2", "-4"]
    assert "[18014398509481986,2,-4]" in words(real)
    assert "-d '[9007199254740993,1,-2]'" in words(real)


def test_a_named_version_is_used_and_shown_in_the_curl_line(real: AppTest, server: Server) -> None:
    submit(real, "[0.1]", version=" 1.0 ")
    assert list(real.dataframe[0].value["Output"]) == [0.2]
    assert f"{server.url}/predictions/doubleit/1.0" in words(real)


def test_an_unknown_version_is_told(real: AppTest) -> None:
    submit(real, "1", version="9.9")
    assert "There is no such version" in words(real)
    assert "Unknown version" in words(real)
    assert not real.metric


def test_an_integer_out_of_the_model_s_range_is_shown_with_its_place(real: AppTest) -> None:
    submit(real, "1 4611686018427387904")
    assert "The server does not take this input" in words(real)
    assert "Number 2: 4611686018427387904 is outside the integers" in words(real)


def test_a_file_is_doubled(real: AppTest) -> None:
    real.radio[0].set_value("Upload a file").run()
    real.file_uploader[0].upload("numbers.csv", b"x\n1.5\n2\n", "text/csv")
    real.button[0].click().run()
    assert list(real.dataframe[0].value["Output"]) == [3.0, 4.0]
    assert "Line 1 was taken as the heading" in words(real)


def test_what_is_not_a_number_is_named_before_anything_is_sent(page: AppTest, api: Api) -> None:
    page.run()
    sent = len(api.requests)
    submit(page, "1 two")
    assert "nothing was sent" in words(page)
    assert "Line 1, column 3: “two” is not a number" in words(page)
    assert all(request["body"]["inputs"][0]["data"] == [] for request in api.requests[sent:])


@pytest.mark.parametrize("source", ["Type or paste", "Upload a file"])
def test_a_click_without_numbers_is_an_error(page: AppTest, source: str) -> None:
    page.run().radio[0].set_value(source).run()
    page.button[0].click().run()
    assert "It contains no number" in words(page)


def test_input_cannot_bring_markdown_onto_the_page(page: AppTest) -> None:
    submit(page.run(), "![x](http://example.com/x.png)")
    (shown,) = (element.value for element in page.error)
    assert r"\!\[x\]\(http\://example\.com/x\.png\)" in shown


def test_a_long_list_is_drawn_in_part_and_the_page_says_why(page: AppTest, api: Api) -> None:
    count = 100_001
    page.run()
    api.replies = [answer(list(range(0, 2 * count, 2)))]
    submit(page, " ".join(map(str, range(count))))
    assert metrics(page)["Numbers"] == "100,001"
    assert len(page.dataframe[0].value) == count
    assert "of 100,001 numbers" in words(page)
    assert "-d @numbers.json" in words(page)
    assert "not for copying" in words(page)


@pytest.mark.parametrize(
    ("reply", "badge", "advice"),
    [
        (error(503, "no worker"), "Busy", "Try again in a moment"),
        ("hang", "Loading", "loading the model"),
        ("drop", "Not reachable", "Is it running?"),
        (error(403, "no"), "Not allowed", "BACKEND_AUTH=id-token"),
        (error(500, "broken"), "Failed", "broken"),
        ((200, b"<html>"), "Failed", "is not the model API's"),
    ],
)
def test_the_state_is_shown_with_a_remedy(
    page: AppTest, api: Api, reply: object, badge: str, advice: str
) -> None:
    api.replies = [reply]  # type: ignore[list-item]
    page.run()
    assert badge in words(page)
    assert advice in words(page)


def test_a_missing_server_is_an_error_without_a_traceback(
    page: AppTest, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKEND_URL", f"http://127.0.0.1:{closed_port}")
    submit(page.run(), "1")
    assert "Not reachable" in words(page)
    assert "The server is not reachable" in words(page)
    assert f"No server responds at http://127.0.0.1:{closed_port}" in words(page)


def test_an_unusable_setting_is_shown(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKEND_AUTH", "maybe")
    assert 'BACKEND_AUTH is "maybe"' in words(page.run())


def test_a_server_without_metadata_is_reported(page: AppTest, api: Api) -> None:
    assert "does not describe the inputs" in words(page.run())
    api.metadata = DOUBLEIT
    st.cache_data.clear()
    assert "does not say" not in words(page.run())
    assert page.title[0].value == "DoubleIt"


@pytest.fixture
def classifier(page: AppTest, api: Api, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page for a model that does not take a list of numbers."""
    monkeypatch.setenv("BACKEND_MODEL", "flowers")
    api.metadata = CLASSIFIER
    return page.run()


def test_a_model_whose_server_comes_later_gets_its_form(
    page: AppTest, api: Api, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKEND_MODEL", "flowers")
    monkeypatch.setenv("BACKEND_URL", f"http://127.0.0.1:{closed_port}")
    page.run()
    assert "has not described its model yet" in words(page)
    assert not page.text_area
    monkeypatch.setenv("BACKEND_URL", api.url)
    api.metadata = CLASSIFIER
    page.button[0].click().run()
    assert "features" in str(page.text_area[0].value)


@pytest.mark.parametrize(
    ("reply", "frames", "texts"),
    [
        (b"[[0.5, 0.25, 0.25]]", ["output"], []),
        (b'{"predictions": [[0.5, 0.5]]}', ["output"], []),
        (b'{"kind": [1], "name": "rose"}', ["kind"], [["rose"]]),
        (b"[[1], [2, 3]]", [], [[[1], [2, 3]]]),
    ],
)
def test_a_response_of_every_format_is_shown(
    classifier: AppTest, api: Api, reply: bytes, frames: list[str], texts: list[object]
) -> None:
    api.replies = [(200, reply)]
    classifier.button[0].click().run()
    assert [frame.value.columns[1] for frame in classifier.dataframe] == frames
    assert [json.loads(str(found.value)) for found in classifier.json] == texts


def test_another_model_has_its_own_words_and_an_example(classifier: AppTest) -> None:
    assert classifier.title[0].value == "flowers"
    assert "Takes features (FP32, any \u00d7 4)" in words(classifier)
    assert "Ready · version 1.0" in words(classifier)
    (found,) = json.loads(classifier.text_area[0].value or "")["inputs"]
    assert (found["name"], found["shape"], found["datatype"]) == ("features", [1, 4], "FP32")
    assert len(found["data"]) == 4
    assert all(0 <= number <= 8 for number in found["data"])


def test_each_output_of_another_model_is_shown(classifier: AppTest, api: Api) -> None:
    api.replies = [
        answers(
            [
                tensor("probabilities", "FP32", [1, 3], [0.5, 0.25, 0.25]),
                tensor("kind", "INT64", [1], [0]),
                tensor("flag", "BOOL", [1], [True]),
            ]
        )
    ]
    classifier.button[0].click().run()
    assert metrics(classifier)["Outputs"] == "3"
    assert [list(frame.value.columns) for frame in classifier.dataframe] == [
        ["No.", "probabilities"],
        ["No.", "kind"],
    ]
    assert json.loads(str(classifier.json[0].value)) == [True]
    assert "-d @request.json" in words(classifier)
    assert api.requests[-1]["path"] == "/predictions/flowers"


def test_a_request_that_is_no_json_is_not_sent(classifier: AppTest, api: Api) -> None:
    sent = len(api.requests)
    classifier.text_area[0].set_value('{"inputs": [1,}')
    classifier.button[0].click().run()
    assert "This is not JSON; nothing was sent" in words(classifier)
    assert "Line 1, column 15" in words(classifier)
    assert len(api.requests) == sent


@pytest.mark.parametrize("name", ["numbers.txt", "numbers.csv"])
def test_more_numbers_than_the_limit_are_not_sent(
    page: AppTest, api: Api, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("UI_MAX_NUMBERS", "10")
    page.run().radio[0].set_value("Upload a file").run()
    page.file_uploader[0].upload(name, b"1\n" * 11, "text/plain")
    page.button[0].click().run()
    assert "This is more than the page takes; nothing was sent" in words(page)
    assert "10" in page.error[0].value
    assert all(request["body"]["inputs"][0]["data"] == [] for request in api.requests)


def test_large_inputs_wait_for_each_other_and_say_so(
    page: AppTest, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "TURN_SECONDS", 0.1)
    monkeypatch.setattr(memory, "LARGE_BYTES", 10)
    page.run()
    with memory.turn(100):
        submit(page, "1 " * 10)
        assert "busy with other large inputs" in words(page)
    api.replies = [answer([2] * 10)]
    submit(page, "1 " * 10)
    assert metrics(page)["Numbers"] == "10"
