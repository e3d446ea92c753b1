"""The server as a custom container of Vertex AI: its port, its routes, its request format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from server.store.paths import ROOT
from tests.support.repository import code
from tests.support.server import Server, free_port


def routes() -> dict[str, str]:
    """Return the variables that Vertex AI sets for the upload command in docs/deployment.md."""
    page = (ROOT / "docs/deployment.md").read_text()
    (command,) = (piece for piece in code(page) if "gcloud ai models upload" in piece)
    options = dict(re.findall(r"--container-(health-route|predict-route|ports)=(\S+)", command))
    return {
        "AIP_HEALTH_ROUTE": options["health-route"],
        "AIP_PREDICT_ROUTE": options["predict-route"],
        "AIP_HTTP_PORT": options["ports"],
    }


@pytest.fixture(scope="module")
def vertex(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server with the variables that Vertex AI sets, and the image's own PORT."""
    environment = {**routes(), "AIP_HTTP_PORT": str(free_port()), "AIP_STORAGE_URI": ""}
    with Server(
        store, tmp_path_factory.mktemp("vertex") / "log", environment=environment
    ) as server:
        yield server


def test_the_page_names_the_port_that_vertex_uses_by_default() -> None:
    assert routes()["AIP_HTTP_PORT"] == "8080"


def test_the_health_route_works_on_the_port_that_vertex_sets(vertex: Server) -> None:
    port = vertex.environment["AIP_HTTP_PORT"]
    assert port != vertex.environment["PORT"]
    url = f"http://127.0.0.1:{port}{vertex.environment['AIP_HEALTH_ROUTE']}"
    assert requests.get(url, timeout=30).status_code == 200


def test_predictions_come_as_vertex_passes_them_on(vertex: Server) -> None:
    url = f"http://127.0.0.1:{vertex.environment['AIP_HTTP_PORT']}"
    body = {"instances": [[1, 2], [0.5]], "parameters": {"threshold": 0.5}}
    answer = requests.post(url + vertex.environment["AIP_PREDICT_ROUTE"], json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"predictions": [[2, 4], [1.0]]}
