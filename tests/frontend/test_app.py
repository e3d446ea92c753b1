"""The page's states, without a browser: checks the text that a user reads, not its appearance."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
import urllib3
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button

from frontend import client, memory
from tests.frontend.api import CLASSIFIER, DOUBLEIT, Api, Reply, answer, answers, error, tensor

# A picture of one pixel.
PNG = base64.b64decode(
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PAGE = Path(__file__).resolve().parent.parent.parent / "frontend" / "app.py"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, api: Api) -> AppTest:
    """The page before its first run, with the fake API."""
    st.cache_data.clear()
    monkeypatch.setenv("BACKEND_URL", api.url)
    monkeypatch.setenv("BACKEND_POLL", "0")
    monkeypatch.setattr(client, "STATE_TIMEOUT", urllib3.Timeout(connect=1, read=0.5))
    api.replies = [answer([])]
    return AppTest.from_file(str(PAGE), default_timeout=30)


# Returns the page after its first run for another model than DoubleIt, with this metadata.
PageOf = Callable[[Any], AppTest]


@pytest.fixture
def page_of(page: AppTest, api: Api, monkeypatch: pytest.MonkeyPatch) -> PageOf:
    def run(metadata: Any) -> AppTest:
        monkeypatch.setenv("BACKEND_MODEL", "flowers")
        api.metadata = metadata
        return page.run()

    return run


@pytest.fixture
def classifier(page_of: PageOf) -> AppTest:
    return page_of(CLASSIFIER)


def submit(page: AppTest, text: str) -> AppTest:
    page.text_area(key="text").set_value(text)
    return button(page).click().run()


def button(page: AppTest, start: str = "") -> Button:
    """Return the form's button, or the first whose label begins with `start`."""
    found = (each for each in page.button if each.label.startswith(start or ("Double", "Predict")))
    return next(found)


def choose(page: AppTest, way: str) -> AppTest:
    return page.radio[0].set_value(way).run()


def words(page: AppTest) -> str:
    """Return all text on the page, without Markdown's backslashes."""
    assert not page.exception
    said = [*page.markdown, *page.caption, *page.error, *page.warning, *page.info, *page.code]
    return re.sub(r"\\(?=[\W_])", "", "\n".join(element.value for element in said))


def frames_of(page: AppTest) -> list[Any]:
    """Return the tables of the result; the form's have no column that counts the rows."""
    return [found.value for found in page.dataframe if "No." in found.value.columns]


def metrics(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("1 two", "Line 1, column 3: “two” is not a number"), ("", "It contains no number")],
)
def test_what_is_not_a_number_is_named_before_anything_is_sent(
    page: AppTest, api: Api, text: str, sentence: str
) -> None:
    submit(page.run(), text)
    assert "nothing was sent" in words(page)
    assert sentence in words(page)
    assert api.requests == []


def test_the_state_is_shown_with_a_remedy(page: AppTest, api: Api) -> None:
    api.metadata = DOUBLEIT
    assert "Ready · version 1.0" in words(page.run())
    st.cache_data.clear()
    api.metadata = "hang"
    assert "Loading" in words(page.run())
    assert "it is loading the model or is overloaded" in words(page)
    api.metadata = error(500, "broken")
    assert "Failed" in words(page.run())
    assert "broken" in words(page)
    assert page.title[0].value == "DoubleIt"


@pytest.mark.parametrize("metadata", [error(400, "no body"), {"inputs": 5}, (200, b"<html>")])
def test_a_server_without_metadata_is_reported(page: AppTest, api: Api, metadata: Any) -> None:
    api.metadata = metadata
    assert "does not describe the inputs" in words(page.run())
    api.metadata = DOUBLEIT
    st.cache_data.clear()
    assert "does not describe the inputs" not in words(page.run())
    assert page.title[0].value == "DoubleIt"


def test_a_model_whose_server_comes_later_gets_its_form(page_of: PageOf, api: Api) -> None:
    page = page_of("drop")
    assert "has not described its model yet" in words(page)
    assert not page.text_area
    api.metadata = CLASSIFIER
    page.button[0].click().run()
    assert list(page.dataframe[0].value.columns) == [f"features {i}" for i in range(1, 5)]


OUTPUTS = [
    tensor("probabilities", "FP32", [1, 3], [0.5, 0.25, 0.25]),
    tensor("kind", "INT64", [1], [0]),
    tensor("flag", "BOOL", [1], [True]),
]


@pytest.mark.parametrize(
    ("reply", "frames", "texts"),
    [
        (answers(OUTPUTS), ["Label", "kind"], [[True]]),
        ((200, b"[[0.5, 0.25, 0.25]]"), ["Label"], []),
        ((200, b'[{"label": "rose", "score": 0.9}]'), ["Label"], []),
        ((200, b'{"rose": 0.9, "lily": 0.1}'), ["Label"], []),
        ((200, b'{"kind": [1], "rose": true}'), ["kind"], [True]),
        ((200, b"[[1], [2, 3]]"), [], [[[1], [2, 3]]]),
    ],
)
def test_a_response_of_every_format_is_shown(
    classifier: AppTest, api: Api, reply: Reply, frames: list[str], texts: list[object]
) -> None:
    api.replies = [reply]
    button(classifier).click().run()
    assert metrics(classifier)["Outputs"] == str(len(frames) + len(texts))
    assert [frame.columns[1] for frame in frames_of(classifier)] == frames
    assert [json.loads(str(found.value)) for found in classifier.json] == texts
    assert '--data-binary \'{"inputs"' in words(classifier)
    assert f"[Documentation of the API]({api.url}/docs)" in words(classifier)


def test_a_request_in_json_is_checked_and_sent(classifier: AppTest, api: Api) -> None:
    choose(classifier, "Advanced: JSON").text_area[-1].set_value('{"inputs": [1,}')
    button(classifier).click().run()
    assert "This is not JSON; nothing was sent" in words(classifier)
    assert "Line 1, column 15" in words(classifier)
    assert api.requests == []
    uploader = choose(classifier, "Upload a file").file_uploader[0]
    uploader.upload("request.json", b"[[1, 2, 3, 4]]", "application/json")
    button(classifier).click().run()
    assert api.requests[0]["body"] == [[1, 2, 3, 4]]


def test_more_numbers_than_the_limit_are_not_sent(
    page: AppTest, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UI_MAX_NUMBERS", "10")
    choose(page.run(), "Upload a file").file_uploader[0].upload("n.txt", b"1\n" * 11, "text/plain")
    button(page).click().run()
    assert "This is more than the page takes; nothing was sent" in words(page)
    assert api.requests == []


def test_a_file_that_is_no_text_is_refused_with_advice(page: AppTest, api: Api) -> None:
    choose(page.run(), "Upload a file").file_uploader[0].upload("n.xlsx", b"PK\3\4", "text/plain")
    assert "The file is an Excel workbook" in page.run().warning[0].value
    assert "There is no file to send" in words(button(page).click().run())
    assert api.requests == []


def test_large_inputs_wait_for_each_other_and_say_so(
    page: AppTest, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "TURN_SECONDS", 0.1)
    monkeypatch.setattr(memory, "LARGE_BYTES", 10)
    page.run()
    with memory.turn(100):
        assert "busy with other large inputs" in words(submit(page, "1 " * 10))
    api.replies = [answer([2] * 10)]
    assert metrics(submit(page, "1 " * 10))["Numbers"] == "10"


def test_a_table_is_asked_about_before_it_is_sent(page: AppTest, api: Api) -> None:
    submit(page.run(), "id,price,weight\n1,2.5,7\n2,3.5,8")
    assert "Nothing was sent yet" in words(page)
    assert not metrics(page)
    (columns,) = page.multiselect
    assert columns.value == [1]
    assert frames_of(page)[0]["price"].tolist() == [2.5, 3.5]
    columns.set_value([2, 1]).run()
    api.replies = [answer([14, 5.0, 16, 7.0])]
    button(page, "Double these 4 numbers").click().run()
    assert api.requests[-1]["body"]["inputs"][0]["data"] == [7.0, 2.5, 8.0, 3.5]
    assert metrics(page)["Numbers"] == "4"
    assert "Nothing was sent yet" not in words(page.run())


def test_rows_of_a_file_are_shown_before_they_are_sent(page_of: PageOf, api: Api) -> None:
    page = page_of(CLASSIFIER | {"inputs": CLASSIFIER["inputs"][:1]})
    choose(page, "Upload a file")
    content = b"id;d;features 2;features 1;features 3\n1;4,5;2;1;3\n"
    page.file_uploader[0].upload("rows.csv", content, "text/csv")
    button(page).click().run()
    assert "Choose 4 columns" in words(page)
    page.multiselect[0].set_value([3, 2, 4, 1]).run()
    button(page, "Predict these 1 rows").click().run()
    (sent,) = api.requests[-1]["body"]["inputs"]
    assert (sent["shape"], sent["data"]) == ([1, 4], [1.0, 2.0, 3.0, 4.5])


def test_a_picture_is_sent_as_the_file(page_of: PageOf, api: Api) -> None:
    photos = {
        "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 3, 32, 32]}],
        "accepts": ["image/*"],
        "example": {"content_type": "image/png", "base64": base64.b64encode(PNG).decode()},
    }
    page = page_of(CLASSIFIER | photos)
    assert page.radio[0].options == ["Upload a file", "Paste", "Camera", "Advanced: JSON"]
    assert "There is no file to send" in words(button(page).click().run())
    assert "wait until it has been uploaded" in words(page)
    button(page, "Example").click().run()
    assert page.get("image")
    api.replies = [(200, b'{"red": 0.2, "blue": 0.8}')]
    button(page).click().run()
    assert api.requests[-1]["body"] == PNG
    assert api.requests[-1]["headers"]["Content-Type"] == "image/png"
    assert frames_of(page)[0]["Label"].tolist() == ["blue", "red"]
    assert "--data-binary @input.png" in words(page)


def test_a_model_with_a_handler_of_its_own_takes_files_and_texts(page_of: PageOf, api: Api) -> None:
    page = page_of(error(503, "Prediction failed"))
    assert "which may have a handler of its own" in words(page)
    assert "Ready · the model responds" in words(page)
    choose(page, "Text").text_area(key="plain").set_value("a good film")
    api.replies = [(200, b"positive", {"Content-Type": "text/plain"})]
    button(page).click().run()
    assert api.requests[-1]["body"] == b"a good film"
    assert "positive" in words(page)
    api.replies = [(200, PNG, {"Content-Type": "image/png"})]
    assert button(page).click().run().get("image")
    api.ready = False
    assert "Busy" in words(page.run())


MANY = {
    **CLASSIFIER,
    "batch": "none",
    "inputs": [
        {"name": "ids", "datatype": "INT64", "shape": [-1, -1]},
        {"name": "scale", "datatype": "FP64", "shape": [1], "minimum": 0.5, "maximum": 2},
        {"name": "flip", "datatype": "BOOL", "shape": [], "optional": True},
        {"name": "bias", "datatype": "INT32", "shape": [1], "optional": True},
    ],
}


def test_every_kind_of_input_has_its_component(page_of: PageOf, api: Api) -> None:
    page = page_of(MANY)
    page.text_area[0].set_value("1 2\n3 9007199254740993")
    scale, bias = page.number_input
    assert (scale.min, scale.max, scale.value) == (0.5, 2.0, 0.5)
    assert (bias.label, bias.value) == ("bias (optional)", None)
    button(page).click().run()
    sent = {each["name"]: each for each in api.requests[-1]["body"]["inputs"]}
    assert sent.keys() == {"ids", "scale"}
    assert (sent["ids"]["shape"], sent["ids"]["data"]) == ([2, 2], [1, 2, 3, 2**53 + 1])
    assert sent["scale"]["data"] == [0.5]
    page.number_input[1].set_value(-3)
    next(each for each in page.selectbox if "flip" in each.label).set_value(True)
    button(page).click().run()
    sent = {each["name"]: each for each in api.requests[-1]["body"]["inputs"]}
    assert (sent["bias"]["shape"], sent["bias"]["data"]) == ([1], [-3])
    assert (sent["flip"]["shape"], sent["flip"]["data"]) == ([], [True])
    for text, sentence in [
        ("1 2\n3", "The rows of ids differ in length"),
        ("1 x", "ids, row 1: Line 1, column 3: “x” is not a number"),
        ("", "ids, row 1: It contains no number"),
    ]:
        page.text_area[0].set_value(text)
        assert sentence in words(button(page).click().run())


def test_a_link_brings_input_and_version_back(page: AppTest, page_of: PageOf, api: Api) -> None:
    page.query_params["input"] = '{"instances": [[1, 2, 3, 4]]}'
    page.query_params["version"] = "1.0"
    page_of(CLASSIFIER)
    assert page.selectbox(key="version").value == "1.0"
    assert page.dataframe[0].value.to_numpy().tolist() == [["1.0", "2.0", "3.0", "4.0"]]
    button(page).click().run()
    assert api.requests[-1]["path"] == "/predictions/flowers/1.0"
    assert "?version=1.0&input=%7B%22inputs" in words(page)


def test_an_example_is_filled_in_for_numbers(page: AppTest, api: Api) -> None:
    api.metadata = DOUBLEIT
    button(page.run(), "Example").click().run()
    assert page.text_area(key="text").value == "[0, 1, 2]"


def test_the_last_results_can_be_shown_again(page: AppTest, api: Api) -> None:
    page.run()
    for number in range(8):
        api.replies = [answer([2 * number])]
        submit(page, str(number))
    (results,) = (each for each in page.selectbox if each.label == "Results of this session")
    assert results.options == ["last: [7]", "1: [6]", "2: [5]", "3: [4]", "4: [3]", "5: [2]"]
    results.set_value(2).run()
    assert frames_of(page)[0]["Input"].tolist() == [5]
    assert "nothing was sent" in words(submit(page, "x"))
    # A large request is only kept while it is the last.
    api.replies = [answer([2] * 20_000)]
    submit(submit(page, "1 " * 20_000), "x")
    assert all(len(each.request.body) < 2**16 for each in page.session_state.results[1:])


def test_the_versions_of_the_model_are_offered(page: AppTest, api: Api) -> None:
    api.versions = None
    assert page.run().selectbox(key="version").options == ["the server's default"]
    st.cache_data.clear()
    api.versions = ["2.0", "1.0"]
    version = page.run().selectbox(key="version")
    assert version.options == ["the server's default", "1.0", "2.0"]
    assert version.proto.accept_new_options
