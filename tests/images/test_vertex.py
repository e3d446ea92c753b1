"""The server's container, run as Vertex AI runs a custom container."""

from __future__ import annotations

import json

import pytest

from tests.deployment.test_vertex import routes
from tests.images.test_port import started
from tests.support.containers import SERVER, output

pytestmark = pytest.mark.usefixtures("images")


def test_the_container_serves_on_vertex_s_port_and_routes() -> None:
    variables = {**routes(), "AIP_HTTP_PORT": "9123"}
    with started(SERVER, "8080", **variables) as container:
        body = json.dumps({"instances": [[1, 2], [0.5]], "parameters": {}})
        code = (
            "import urllib.request as r\n"
            "base = 'http://127.0.0.1:9123'\n"
            f"print(r.urlopen(base + {variables['AIP_HEALTH_ROUTE']!r}).status)\n"
            f"print(r.urlopen(r.Request(base + {variables['AIP_PREDICT_ROUTE']!r},"
            f" {body.encode()!r}, {{'Content-Type': 'application/json'}})).read().decode())"
        )
        answer = output(["docker", "exec", container, "python", "-c", code])
    assert answer.splitlines() == ["200", '{"predictions":[[2,4],[1.0]]}']
