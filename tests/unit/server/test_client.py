"""The client of TorchServe's APIs when the other end is not TorchServe."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.client import Addresses, Client, NotTorchServe, Refused, Unreachable, is_loopback
from tests.support.web import Reply, respond_with


def respond(path: str) -> Reply:
    """List models as TorchServe does, three pages with a name each; redirect /models/moved."""
    if path.startswith("/models?next_page_token="):
        page = int(path[-1])
        token = f'"nextPageToken": "{page + 1}", ' if page < 2 else ""
        models = f'[{{"modelName": "m{3 - page}", "modelUrl": "m.mar"}}]'
        return 200, f'{{{token}"models": {models}}}'.encode()
    status = 302 if path.startswith("/models/moved") else 200
    return status, b"<html>hello</html>", {"Location": "http://192.0.2.1/"}


@pytest.fixture(scope="module")
def other() -> Iterator[str]:
    with respond_with(respond) as url:
        yield url


def client(url: str, model: str = "doubleit") -> Client:
    return Client(Addresses(model, url, url, url))


def test_a_server_that_is_not_torchserve_is_an_error(other: str) -> None:
    message = f"{other}/models/doubleit/all is not TorchServe's management API: JSON is malformed"
    with pytest.raises(NotTorchServe, match=message):
        client(other).versions()


def test_every_page_of_the_list_of_models_is_read(other: str) -> None:
    assert client(other).models() == ["m1", "m2", "m3"]


def test_a_redirect_is_not_followed(other: str) -> None:
    with pytest.raises(Refused, match="TorchServe refused: 302 <html>hello</html>"):
        client(other, "moved").versions()


def test_a_server_that_does_not_respond_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        silent = client(f"http://127.0.0.1:{listening.getsockname()[1]}")
        with pytest.raises(Unreachable, match="did not respond within 0.2 s"):
            silent.versions(timeout=0.2)
        assert not silent.is_ready("1.0", timeout=0.2)


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "ALL_PROXY"])
def test_no_proxy_is_used(other: str, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    assert client(other).predict("1.0", b"[1]", timeout=5).status == 200


def test_only_http_is_spoken(tmp_path: Path) -> None:
    (tmp_path / "models").touch()
    with pytest.raises(Unreachable):
        client(tmp_path.as_uri()).versions()


def test_loopback_is_told_from_what_only_resembles_it() -> None:
    for host in ("127.0.0.1:8081", "127.9.9.9", "localhost:8081", "[::1]:8081"):
        assert is_loopback(f"http://{host}"), host
    for host in ("0.0.0.0", "10.0.0.1", "127.0.0.999", "localhost.example", "127.0.0.1@x.com", ""):
        assert not is_loopback(f"http://{host}"), host
    assert not is_loopback("127.0.0.1:8081")
