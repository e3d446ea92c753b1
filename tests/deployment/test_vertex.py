"""The server as a custom container of Vertex AI: its port, its routes, its request format."""

import re

import requests

from server import settings
from server.store.paths import ROOT
from tests.support.repository import code
from tests.support.server import Server


def test_vertex_reaches_the_server_at_the_port_and_the_routes_of_the_upload(
    server: Server,
) -> None:
    page = (ROOT / "docs/deployment.md").read_text()
    (command,) = (piece for piece in code(page) if "gcloud ai models upload" in piece)
    options = dict(re.findall(r"--container-(health-route|predict-route|ports)=(\S+)", command))
    assert options["ports"] == "8080"
    # Vertex AI sets this variable, which comes before PORT.
    given = settings.read("doubleit", "1.0", {"AIP_HTTP_PORT": "9123", "PORT": "9000"})
    assert given.variables["PORT"] == "9123"
    body = {"instances": [[1, 2], [0.5]], "parameters": {"threshold": 0.5}}
    assert requests.get(server.url + options["health-route"], timeout=30).status_code == 200
    answer = requests.post(server.url + options["predict-route"], json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"predictions": [[2, 4], [1.0]]}
