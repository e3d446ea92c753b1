from typing import Any

import numpy as np
import pytest
import urllib3

from frontend import client as client_module
from frontend.client import Client
from frontend.errors import ApiError, State
from frontend.model import Model, Request, Tensor, numbers
from frontend.settings import Settings
from tests.frontend.api import NOWHERE, Api, Reply, answer, answers, error, tensor

VALUES = np.array([1e308, 5])


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "CALL_TIMEOUT", urllib3.Timeout(connect=30, read=0.5))
    monkeypatch.setattr(client_module, "RETRY_SECONDS", (0, 0, 0, 0))


@pytest.fixture
def client(api: Api) -> Client:
    return Client(Settings(api.url))


def refusal(client: Client, version: str | None = None) -> ApiError:
    with pytest.raises(ApiError) as refused:
        client.infer(numbers(VALUES, None), version)
    return refused.value


@pytest.mark.parametrize(
    ("values", "takes", "received"),
    [
        ([2**53 + 1], ("INT64", "FP64"), [2**54 + 2]),
        ([0.1, 2.0], ("FP64", "INT64"), [0.2, 4.0]),
        ([1], ("FP32",), [0.5]),
    ],
)
def test_numbers_travel_exact_in_the_datatype_that_the_model_takes(
    api: Api, client: Client, values: list[float], takes: tuple[str, ...], received: list[float]
) -> None:
    api.replies = [answer(received, "1.0")]
    model = Model("m", "1.0", (Tensor("x", takes, (-1,)),), (), "elements")
    found = client.infer(numbers(np.array(values), model))
    assert repr(found.values.tolist()) == repr(received)
    assert found.version == "1.0"
    assert api.requests[0]["path"] == "/predictions/doubleit"
    headers = api.requests[0]["headers"]
    assert headers["Content-Type"] == "application/json"
    assert "authorization" not in map(str.lower, headers)
    (tensor,) = api.requests[0]["body"]["inputs"]
    assert (tensor["name"], tensor["datatype"]) == ("x", takes[0])
    assert (tensor["shape"], repr(tensor["data"])) == ([len(values)], repr(values))


def test_a_version_is_part_of_the_path(api: Api, client: Client) -> None:
    api.replies = [answer([2, 4], "2.0-rc+1")]
    assert client.infer(numbers(VALUES, None), "2.0-rc+1").version == "2.0-rc+1"
    assert api.requests[0]["path"] == "/predictions/doubleit/2.0-rc%2B1"


@pytest.mark.parametrize("version", ["1.0/ready", "..", ".", "a b", "1.0?x", "ä", "1.0#", "%2e"])
def test_what_cannot_be_a_version_is_not_sent(api: Api, client: Client, version: str) -> None:
    refused = refusal(client, version)
    assert (refused.state, api.requests) == (State.UNKNOWN_VERSION, [])
    assert version in str(refused)


def test_503_and_dropped_connections_are_retried(api: Api, client: Client) -> None:
    api.replies = [error(503, "queue full"), "drop", "cut", answer([2, 4])]
    assert client.infer(numbers(VALUES, None)).values.tolist() == [2, 4]
    assert len(api.requests) == 4
    assert all(request["body"] == api.requests[0]["body"] for request in api.requests)


SAID = "the server's words"
# The reply, and the state, a part of the message and the number of requests that follow.
FAILURES: list[tuple[Reply, State, str, int]] = [
    (error(400, "5.0 is outside the integers - at $.inputs[0].data[1]"), State.INVALID_INPUT,
     "Number 2: 5.0 is outside the integers", 1),
    (error(400, "The answer is inf - at $.inputs[0].data[0]"), State.INVALID_INPUT,
     "Number 1 (1e+308): The answer is inf", 1),
    (error(400, "Too short - at $.inputs[0].shape"), State.INVALID_INPUT,
     "Too short - at $.inputs[0].shape", 1),
    (error(400, "Odd - at $.inputs[0].data[7]"), State.INVALID_INPUT,
     "Odd - at $.inputs[0].data[7]", 1),
    (error(403, SAID), State.NOT_ALLOWED, "BACKEND_AUTH=id-token", 1),
    (error(404, SAID), State.FAILED, "no model “doubleit”", 1),
    (error(413, SAID), State.INVALID_INPUT, "The request, 2 numbers, is larger", 1),
    (error(415, SAID), State.INVALID_INPUT, SAID, 1),
    ((429, b"{}", {"Retry-After": "0"}), State.BUSY, "Try again", 1),
    (error(503, SAID), State.BUSY, "Try again", 5),
    (error(500, SAID), State.FAILED, SAID, 1),
    ((500, b"plain words"), State.FAILED, "plain words", 1),
    ((500, b""), State.FAILED, "no message", 1),
    ("drop", State.NOT_REACHABLE, "BACKEND_URL names another", 5),
    ("hang", State.LOADING, "did not respond in time", 1),
    *(
        ((200, body), State.FAILED, "/predictions/doubleit is not the model API's", 1)
        for body in (
            b"<html>a proxy's page</html>",
            b"[2]",
            answers([])[1],
            answer([2, 4, 6])[1],
            answer([2, 4])[1].replace(b'"1.0"', b"1"),
            answers([tensor("y", "INT64", [2], [2, None])])[1],
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_becomes_a_sentence(
    api: Api, client: Client, failure: tuple[Reply, State, str, int]
) -> None:
    reply, state, part, requests = failure
    api.replies = [reply]
    refused = refusal(client)
    assert refused.state is state
    assert part in str(refused)
    assert len(api.requests) == requests


def test_a_redirect_is_not_followed(api: Api, client: Client) -> None:
    api.replies = [(302, b"", {"Location": f"{api.url}/sign-in"}), answer([2, 4])]
    assert refusal(client).state is State.FAILED
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("kind", "reply", "outputs"),
    [
        ("", answers([tensor("p", "FP32", [2, 2], [[0.5, 0.25], [1, 2]]),
                      tensor("i", "UINT64", [1], [2**64 - 1]),
                      tensor("b", "BOOL", [2], [True, False])], "2.0")[1],
         [("p", "FP32", (2, 2), [0.5, 0.25, 1.0, 2.0]), ("i", "UINT64", (1,), [2**64 - 1]),
          ("b", "BOOL", (2,), [True, False])]),
        ("application/json", b'{"predictions": [1]}', [("output", "INT64", (1,), [1])]),
        ("", b'{"a": [1], "b": "x"}', [("a", "INT64", (1,), [1]), ("b", "JSON", (), "x")]),
        ("application/json", b'{"cat": 0.9}', [("output", "JSON", (), {"cat": 0.9})]),
        ("application/json; charset=utf-8", b'[[1], "x"]', [("output", "JSON", (), [[1], "x"])]),
        ("image/png", b"\x89PNG", [("output", "image/png", (), b"\x89PNG")]),
    ],
)  # fmt: skip
def test_a_file_is_sent_with_its_type_and_a_response_of_any_type_read(
    api: Api, client: Client, kind: str, reply: bytes, outputs: list[object]
) -> None:
    api.replies = [(200, reply, {"Content-Type": kind} if kind else {})]
    found = client.infer(Request(b"\xff\xd8", "image/jpeg"), "2.0")
    assert api.requests[0]["headers"]["Content-Type"] == "image/jpeg"
    assert api.requests[0]["body"] == b"\xff\xd8"
    assert found.version == "2.0"

    def plain(values: Any) -> object:
        return values.tolist() if isinstance(values, np.ndarray) else values

    read = [(each.name, each.datatype, each.shape, plain(each.values)) for each in found.outputs]
    assert repr(read) == repr(outputs)


def test_an_answer_beyond_the_limit_is_not_read(
    api: Api, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_RESPONSE_BYTES", 2**20)
    api.replies = [(200, b" " * (2**20 + 1))]
    assert "larger than 1 MiB" in str(refusal(client))


def test_no_proxy_is_used_for_the_api(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, NOWHERE)
    api.replies = [answer([2, 4])]
    assert Client(Settings(api.url)).infer(numbers(VALUES, None)).values.tolist() == [2, 4]
