"""The container's health check, with a real server."""

from __future__ import annotations

import subprocess
import sys

from server.store.paths import ROOT
from tests.support.measuring import COVERAGE
from tests.support.server import Server, free_port


def check(server: Server, **environment: str) -> tuple[int, str]:
    """Run the health check as a container does; return status and output."""
    done = subprocess.run(
        [sys.executable, "-m", "server.healthcheck"],
        cwd=ROOT,
        env={**server.environment, **COVERAGE, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_ready_server_is_healthy(server: Server) -> None:
    assert check(server) == (0, "")


def test_nothing_that_listens_is_unhealthy(server: Server) -> None:
    port = str(free_port())
    status, output = check(server, MANAGEMENT_PORT=port)
    assert status == 1
    url = f"http://127.0.0.1:{port}/models?next_page_token=0"
    assert output == f"healthcheck: no server responds at {url}: Connection refused\n"


def test_another_model_is_unhealthy(server: Server) -> None:
    status, output = check(server, MODEL_NAME="other")
    assert status == 1
    assert output.endswith(" has no model other; it has doubleit\n")


def test_a_default_version_that_is_not_ready_is_unhealthy(server: Server) -> None:
    port = str(free_port())
    assert check(server, PORT=port) == (1, "healthcheck: doubleit 1.0 is not ready\n")
