"""The server as a custom container of Vertex AI: its port, its routes, its request format."""

from __future__ import annotations

import re
from pathlib import Path

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


def test_vertex_reaches_the_server_at_the_port_and_the_routes_of_the_upload(
    store: Path, tmp_path: Path
) -> None:
    variables = routes()
    assert variables["AIP_HTTP_PORT"] == "8080"
    port = str(free_port())
    environment = {**variables, "AIP_HTTP_PORT": port, "AIP_STORAGE_URI": ""}
    body = {"instances": [[1, 2], [0.5]], "parameters": {"threshold": 0.5}}
    with Server(store, tmp_path / "log", environment=environment) as server:
        assert port != server.environment["PORT"]
        url = f"http://127.0.0.1:{port}"
        assert requests.get(url + variables["AIP_HEALTH_ROUTE"], timeout=30).status_code == 200
        answer = requests.post(url + variables["AIP_PREDICT_ROUTE"], json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"predictions": [[2, 4], [1.0]]}
