from __future__ import annotations

from urllib.parse import urlsplit

import numpy as np
import pytest
import urllib3

from frontend import client as client_module
from frontend import model
from frontend.client import Client, Response, predictions_url
from frontend.errors import ApiError, State
from frontend.model import Model, Request, numbers
from frontend.settings import Settings
from tests.frontend.api import CLASSIFIER, DOUBLEIT, Api, Reply, answer, answers, error, tensor


@pytest.fixture
def client(api: Api) -> Client:
    return Client(Settings(api.url))


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the timeouts."""
    monkeypatch.setattr(client_module, "CALL_TIMEOUT", urllib3.Timeout(connect=0.5, read=0.3))
    monkeypatch.setattr(client_module, "STATE_TIMEOUT", urllib3.Timeout(connect=0.5, read=0.3))


def predict(
    client: Client, values: np.ndarray, version: str | None = None, model: Model | None = None
) -> Response:
    return client.infer(numbers(values, model), version)


def refusal(
    client: Client, values: list[int] | list[float], version: str | None = None
) -> ApiError:
    with pytest.raises(ApiError) as refused:
        predict(client, np.array(values), version)
    return refused.value


def test_integers_travel_exact_as_int64(api: Api, client: Client) -> None:
    api.replies = [answer([18014398509481986], "1.0")]
    found = predict(client, np.array([9007199254740993]))
    assert found.values.tolist() == [18014398509481986]
    assert found.version == "1.0"
    assert found.seconds > 0
    assert api.requests[0]["path"] == "/predictions/doubleit"
    assert api.requests[0]["headers"]["Content-Type"] == "application/json"
    (tensor,) = api.requests[0]["body"]["inputs"]
    assert tensor == {"name": "input", "shape": [1], "datatype": "INT64", "data": [2**53 + 1]}


def test_floats_travel_exact_as_fp64(api: Api, client: Client) -> None:
    api.replies = [answer([0.2, 4.0])]
    assert repr(predict(client, np.array([0.1, 2.0])).values.tolist()) == "[0.2, 4.0]"
    (tensor,) = api.requests[0]["body"]["inputs"]
    assert tensor["datatype"] == "FP64"
    assert repr(tensor["data"]) == "[0.1, 2.0]"


def test_a_version_is_part_of_the_path(api: Api, client: Client) -> None:
    api.replies = [answer([2], "2.0-rc+1")]
    assert predict(client, np.array([1]), "2.0-rc+1").version == "2.0-rc+1"
    assert api.requests[0]["path"] == "/predictions/doubleit/2.0-rc%2B1"


@pytest.mark.parametrize("version", ["1.0/ready", "..", ".", "a b", "1.0?x", "ä", "1.0#", "%2e"])
def test_what_cannot_be_a_version_is_not_sent(api: Api, client: Client, version: str) -> None:
    refused = refusal(client, [1], version)
    assert refused.state is State.UNKNOWN_VERSION
    assert version in str(refused)
    assert api.requests == []


@pytest.mark.parametrize(
    "replies",
    [
        [error(503, "no worker"), answer([2])],
        [error(503, "queue full"), error(503, "queue full"), "drop", answer([2])],
        ["drop", answer([2])],
        ["cut", answer([2])],
        [(503, b"", {"Retry-After": "0"}), answer([2])],
    ],
)
def test_503_and_dropped_connections_are_retried(
    api: Api, client: Client, replies: list[Reply]
) -> None:
    api.replies = list(replies)
    assert predict(client, np.array([1])).values.tolist() == [2]
    assert len(api.requests) == len(replies)
    assert all(request["body"] == api.requests[0]["body"] for request in api.requests)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 413, 415, 425, 429])
def test_no_4xx_is_retried(api: Api, client: Client, status: int) -> None:
    api.replies = [(status, b"{}", {"Retry-After": "0"}), answer([2])]
    refusal(client, [1])
    assert len(api.requests) == 1


@pytest.mark.parametrize("status", [500, 502, 504, 507])
def test_a_failure_is_not_retried(api: Api, client: Client, status: int) -> None:
    api.replies = [error(status, "the worker died"), answer([2])]
    refused = refusal(client, [1])
    assert refused.state is State.FAILED
    assert "the worker died" in str(refused)
    assert len(api.requests) == 1


def test_retries_have_an_end(api: Api, client: Client) -> None:
    api.replies = [error(503, "queue full")]
    assert refusal(client, [1]).state is State.BUSY
    assert len(api.requests) == 5


def test_dropped_connections_have_an_end(api: Api, client: Client) -> None:
    api.replies = ["drop"]
    assert refusal(client, [1]).state is State.NOT_REACHABLE
    assert len(api.requests) == 5


@pytest.mark.usefixtures("hasty")
def test_a_timeout_is_not_retried(api: Api, client: Client) -> None:
    api.replies = ["hang"]
    assert refusal(client, [1]).state is State.LOADING
    assert len(api.requests) == 1


@pytest.mark.parametrize("timeout", [client_module.CALL_TIMEOUT, client_module.STATE_TIMEOUT])
def test_every_call_has_timeouts(timeout: urllib3.Timeout) -> None:
    assert timeout.connect_timeout is not None
    assert timeout.read_timeout is not None


def test_no_server_is_not_reachable_with_its_address(closed_port: int) -> None:
    url = f"http://127.0.0.1:{closed_port}"
    refused = refusal(Client(Settings(url)), [1])
    assert refused.state is State.NOT_REACHABLE
    assert url in str(refused)
    assert "BACKEND_URL" in str(refused)


def test_an_address_without_a_host_behind_it_is_not_reachable() -> None:
    refused = refusal(Client(Settings("http://no-such-host.invalid")), [1])
    assert refused.state is State.NOT_REACHABLE


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize(
    ("reply", "state"),
    [
        ("hang", State.LOADING),
        ("drop", State.NOT_REACHABLE),
        (error(503, "queue full"), State.BUSY),
        (error(500, "broken"), State.FAILED),
        (error(403, "no"), State.NOT_ALLOWED),
    ],
)
def test_a_look_at_the_state_is_short_and_says_what_is_wrong(
    api: Api, client: Client, reply: Reply, state: State
) -> None:
    api.metadata = DOUBLEIT
    known = client.metadata()
    api.metadata = reply
    with pytest.raises(ApiError) as refused:
        client.metadata(None, known)
    assert refused.value.state is state


@pytest.mark.parametrize(
    "body",
    [
        b"<html>a proxy's page</html>",
        b"",
        b"[2]",
        b"{}",
        b'{"model_version": "1.0", "outputs": []}',
        b'{"model_version": "1.0", "outputs": [{"data": [1, 2]}]}',
        b'{"model_version": "1.0", "outputs": [{"data": ["2"]}]}',
        b'{"model_version": "1.0", "outputs": [{"data": [true]}]}',
        b'{"model_version": "1.0", "outputs": [{"data": null}]}',
        b'{"model_version": 1, "outputs": [{"data": [2]}]}',
        b'{"model_version": "1.0", "outputs": [{"name": "y", "datatype": "INT64", "shape": [2],'
        b' "data": [2, 4]}]}',
    ],
)
def test_an_answer_that_is_none_is_not_shown(api: Api, client: Client, body: bytes) -> None:
    api.replies = [(200, body)]
    refused = refusal(client, [1])
    assert refused.state is State.FAILED
    assert f"{api.url}/predictions/doubleit" in str(refused)


def test_a_redirect_is_not_followed(api: Api, client: Client) -> None:
    api.replies = [(302, b"", {"Location": f"{api.url}/sign-in"}), answer([2])]
    assert refusal(client, [1]).state is State.FAILED
    assert len(api.requests) == 1


def test_a_path_in_the_address_is_kept() -> None:
    url = predictions_url(Settings("https://example.com/base"), None)
    assert urlsplit(url).path == "/base/predictions/doubleit"


def test_what_a_model_takes_is_read_from_its_metadata(api: Api, client: Client) -> None:
    api.metadata = CLASSIFIER
    found = client.metadata()
    assert found
    assert (found.name, found.version, found.takes_numbers) == ("flowers", "1.0", False)
    assert found.inputs[0] == model.Tensor("features", ("FP32",), (-1, 4), False, 0, 8)
    assert found.inputs[1].optional
    api.metadata = DOUBLEIT
    found = client.metadata("1.0")
    assert found
    assert found.takes_numbers
    assert found.inputs[0].datatypes == ("INT64", "FP64")


@pytest.mark.parametrize(
    "metadata", [error(400, "no body"), {"name": "doubleit"}, {"inputs": 5}, (200, b"<html>")]
)
def test_a_server_without_metadata_is_known(
    api: Api, client: Client, metadata: dict[str, object] | Reply
) -> None:
    api.metadata = metadata
    assert client.metadata() is None


def test_numbers_go_by_the_name_and_datatype_that_the_model_takes(api: Api, client: Client) -> None:
    api.replies = [answer([0.5])]
    takes = model.Tensor("x", ("FP32",), (-1,))
    predict(client, np.array([1]), None, model.Model("m", "1.0", (takes,), (), "elements"))
    (sent,) = api.requests[0]["body"]["inputs"]
    assert (sent["name"], sent["datatype"]) == ("x", "FP32")


def test_a_request_is_sent_as_it_is_and_every_output_read(api: Api, client: Client) -> None:
    api.replies = [
        answers(
            [
                tensor("p", "FP32", [2, 2], [[0.5, 0.25], [1, 2]]),
                tensor("i", "UINT64", [1], [2**64 - 1]),
                tensor("b", "BOOL", [2], [True, False]),
            ]
        )
    ]
    found = client.infer(Request(b'{"inputs": []}'), "1.0")
    assert api.requests[0]["body"] == {"inputs": []}
    p, i, b = found.outputs
    assert (p.name, p.shape) == ("p", (2, 2))
    assert [list(each.values) for each in (p, i, b)] == [
        [0.5, 0.25, 1, 2],
        [2**64 - 1],
        [True, False],
    ]


@pytest.mark.parametrize(
    ("kind", "body", "outputs"),
    [
        ("application/json", b"[[0.5, 0.25]]", [("output", "FP64", (1, 2), [0.5, 0.25])]),
        ("application/json", b'{"predictions": [1]}', [("output", "INT64", (1,), [1])]),
        ("", b'{"a": [1], "b": "x"}', [("a", "INT64", (1,), [1]), ("b", "JSON", (), "x")]),
        ("application/json", b'{"cat": 0.9}', [("output", "JSON", (), {"cat": 0.9})]),
        ("application/json; charset=utf-8", b'[[1], "x"]', [("output", "JSON", (), [[1], "x"])]),
        ("text/plain", b"[1]", [("output", "text/plain", (), b"[1]")]),
        ("image/png", b"\x89PNG", [("output", "image/png", (), b"\x89PNG")]),
    ],
)
def test_a_file_is_sent_with_its_type_and_a_response_of_any_type_read(
    api: Api, client: Client, kind: str, body: bytes, outputs: list[object]
) -> None:
    api.replies = [(200, body, {"Content-Type": kind} if kind else {})]
    found = client.infer(Request(b"\xff\xd8", "image/jpeg"), "2.0")
    assert api.requests[0]["headers"]["Content-Type"] == "image/jpeg"
    assert api.requests[0]["body"] == b"\xff\xd8"
    assert found.version == "2.0"
    plain = [
        each.values.tolist() if isinstance(each.values, np.ndarray) else each.values
        for each in found.outputs
    ]
    described = [(each.name, each.datatype, each.shape) for each in found.outputs]
    assert [(*each, values) for each, values in zip(described, plain, strict=True)] == outputs


def test_a_model_with_a_handler_of_its_own_has_no_metadata(api: Api, client: Client) -> None:
    api.metadata = error(503, "Prediction failed")
    assert client.metadata() is None
    api.ready = False
    with pytest.raises(ApiError) as refused:
        client.metadata("1.0")
    assert refused.value.state is State.BUSY


def test_the_versions_are_those_of_this_model(api: Api, client: Client) -> None:
    api.versions = None
    api.replies = [
        (200, b'[{"name": "doubleit", "version": "2.0"}, {"name": "other", "version": "9"}]')
    ]
    assert client.versions() == ("2.0",)
    assert api.requests[0]["path"] == "/v2/repository/index"
    api.replies = [error(404, "not with TORCHSERVE_EDITS=off")]
    assert client.versions() == ()


def test_an_answer_beyond_the_limit_is_not_read(
    api: Api, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_RESPONSE_BYTES", 2**20)
    api.replies = [(200, b" " * (2**20 + 1))]
    assert "larger than 1 MiB" in str(refusal(client, [1]))


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_no_proxy_is_used_for_the_api(
    api: Api, closed_port: int, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, f"http://127.0.0.1:{closed_port}")
    api.replies = [answer([2])]
    assert predict(Client(Settings(api.url)), np.array([1])).values.tolist() == [2]
