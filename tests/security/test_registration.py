"""Code is only loaded from the model store: a registration from elsewhere is refused, unread."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from tests.support.server import Server
from tests.support.web import respond_with


class Elsewhere(NamedTuple):
    """A web server with a valid archive, and the paths that it was asked for."""

    url: str
    requested: list[str]


@pytest.fixture(scope="module")
def elsewhere(store: Path) -> Iterator[Elsewhere]:
    archive = (store / "doubleit-1.0.mar").read_bytes()
    requested: list[str] = []

    def respond(path: str) -> tuple[int, bytes]:
        requested.append(path)
        return 200, archive

    with respond_with(respond) as url:
        yield Elsewhere(url, requested)


@pytest.fixture
def outside(store: Path, tmp_path: Path) -> Path:
    """A valid archive outside the model store."""
    path = tmp_path / "stolen-1.0.mar"
    path.write_bytes((store / "doubleit-1.0.mar").read_bytes())
    return path


def places(elsewhere: Elsewhere, outside: Path, store: Path) -> list[str]:
    unpacked = outside.parent / "unpacked"
    with zipfile.ZipFile(outside) as archive:
        archive.extractall(unpacked)
    host = elsewhere.url.removeprefix("http://")
    up = "../" * len(store.parts) + str(outside).lstrip("/")
    return [
        f"http://{host}/stolen.mar",
        f"HTTP://{host}/stolen.mar",
        f"http://user@{host}/stolen.mar",
        f"https://{host}/stolen.mar",
        f"ftp://{host}/stolen.mar",
        f"jar:http://{host}/stolen.mar!/",
        "s3://bucket/stolen.mar",
        f"file:{outside}",
        f"file://{outside}",
        f"file://localhost{outside}",
        str(outside),
        f"/{outside}",
        up,
        f"x/../{up}",
        up.replace("../", "..\\"),
        up.replace("../", "%2e%2e/"),
        # TorchServe accepts any directory as a model.
        str(outside.parent),
        str(unpacked),
        f"{unpacked}/",
        "",
        ".",
        "..",
    ]


def state(server: Server) -> Any:
    models = requests.get(f"{server.management}/models", timeout=10).json()
    workflows = requests.get(f"{server.management}/workflows", timeout=10).json()
    return models, workflows, [version["modelVersion"] for version in server.describe()]


@pytest.mark.parametrize("path", ["models", "workflows"])
def test_no_address_and_no_path_outside_the_store_is_registered(
    server: Server, store: Path, elsewhere: Elsewhere, outside: Path, path: str
) -> None:
    before = state(server)
    url = f"{server.management}/{path}"
    names = {"model_name": "stolen", "workflow_name": "stolen", "initial_workers": "1"}
    for place in places(elsewhere, outside, store):
        for answer in (
            requests.post(url, params={"url": place, **names}, timeout=20),
            requests.post(url, json={"url": place, **names}, timeout=20),
        ):
            assert 400 <= answer.status_code < 500, (place, answer.text)
    assert state(server) == before
    assert elsewhere.requested == []


MANAGING = [
    ("POST", "/models"),
    ("POST", "/workflows"),
    ("PUT", "/models/doubleit"),
    ("PUT", "/models/doubleit/1.0"),
    ("PUT", "/models/doubleit/1.0/set-default"),
    ("DELETE", "/models/doubleit"),
    ("DELETE", "/models/doubleit/1.0"),
    ("GET", "/models"),
]


@pytest.mark.parametrize(
    ("port", "method", "path"),
    [
        *(("PORT", *request) for request in (*MANAGING, ("GET", "/metrics"))),
        *(("METRICS_PORT", *request) for request in MANAGING),
    ],
)
def test_the_inference_and_metrics_ports_manage_nothing(
    server: Server, port: str, method: str, path: str
) -> None:
    before = state(server)
    answer = requests.request(
        method,
        f"http://127.0.0.1:{server.ports[port]}{path}",
        params={"url": "doubleit-1.0.mar", "model_name": "again", "initial_workers": "1"},
        timeout=10,
    )
    assert answer.status_code in (404, 405), answer.text
    assert state(server) == before
