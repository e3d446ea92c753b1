from __future__ import annotations

from functools import partial

import pytest

from frontend import outcome, reading
from frontend.client import Client
from frontend.errors import State
from frontend.outcome import Failure, Result, Status
from frontend.settings import Settings
from tests.frontend.api import Api, Reply, answer, error


def predict(api: Api, text: str, version: str | None = None) -> Result | Failure:
    settings = Settings(api.url)
    return outcome.predict(partial(reading.parse, text), lambda: Client(settings), version)


def test_numbers_are_answered(api: Api) -> None:
    api.replies = [answer([2, 4], "2.0")]
    found = predict(api, "1, 2", "2.0")
    assert isinstance(found, Result)
    assert found.numbers
    assert found.numbers.values.tolist() == [1, 2]
    assert found.response.values.tolist() == [2, 4]
    assert found.version == "2.0"


def test_nothing_is_sent_while_something_is_not_a_number(api: Api) -> None:
    found = predict(api, "1, x, y, z, u, v, w")
    assert isinstance(found, Failure)
    assert "nothing was sent" in found.title
    assert found.sentences[0] == "Line 1, column 4: “x” is not a number"
    assert found.sentences[-1] == "… and 1 more like these"
    assert api.requests == []


@pytest.mark.parametrize(
    ("reply", "title"),
    [
        (error(400, "5 is too large - at $.inputs[0].data[0]"), "does not take this input"),
        (error(404, "no such version"), "no such version"),
        (error(429, "slow down"), "busy"),
        (error(403, "no"), "refuses this page"),
        (error(500, "broken"), "failed"),
    ],
)
def test_an_error_of_the_api_gets_a_headline_and_words(api: Api, reply: Reply, title: str) -> None:
    api.replies = [reply]
    found = predict(api, "5", "9.9")
    assert isinstance(found, Failure)
    assert title in found.title
    assert len(found.sentences) == 1


def test_a_check_returns_the_version_or_the_reason(api: Api, closed_port: int) -> None:
    api.replies = [answer([], "1.0")]
    assert outcome.look(lambda: Client(Settings(api.url)), None, None) == Status(
        State.READY, "version 1.0"
    )
    api.replies = [error(400, "Datatype 'INT64' is not supported")]
    assert outcome.look(lambda: Client(Settings(api.url)), None, None) == Status(
        State.READY, "the model responds"
    )
    gone = outcome.look(lambda: Client(Settings(f"http://127.0.0.1:{closed_port}")), None, None)
    assert gone.state is State.NOT_REACHABLE
