"""The unchanged handler with users' models."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from torch import nn

from server.store.paths import ROOT
from tests.support import models
from tests.support.server import Server
from tests.support.wait import wait_until


def make_archive(folder: Path, module: nn.Module, name: str, settings: str = "") -> None:
    """Archive a model as a user does."""
    path = models.save(module, folder / f"{name}.pt", settings)
    store = ["--store", str(folder)]
    subprocess.run(
        [
            ROOT / ".venv/bin/python",
            "-m",
            "scripts.model.archiver",
            "--model",
            path,
            "--name",
            name,
            *store,
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own")


def test_a_model_that_changes_the_length_is_served(folder: Path) -> None:
    make_archive(folder, models.Difference(), "difference")
    with Server(folder, folder / "difference.log", "difference") as server:
        with ThreadPoolExecutor(16) as pool:
            bodies = [f"[{n}, {n * n}, 0]" for n in range(16)]
            answers = list(pool.map(lambda body: server.post(body).json(), bodies))
        assert answers == [[n * n - n, -n * n] for n in range(16)]
        assert server.post("[0.5, 2]").text == "[1.5]"
        assert server.post("[9223372036854775807, 9223372036854775806]").json() == [-1]
        v2 = '{"inputs": [{"name": "x", "shape": [3], "datatype": "INT8", "data": [1, 2, 4]}]}'
        assert server.post(v2).json()["outputs"][0] == {
            "name": "output",
            "shape": [2],
            "datatype": "INT8",
            "data": [1, 2],
        }
        assert (
            server.post('{"instances": [[1, 2, 4], [1.5, 1]]}').text
            == '{"predictions":[[1,2],[-0.5]]}'
        )


def test_a_model_that_raises_fails_its_own_request_only(folder: Path) -> None:
    make_archive(folder, models.Unlucky(), "unlucky", models.ELEMENTWISE)
    with Server(
        folder, folder / "unlucky.log", "unlucky", environment={"TS_DEFAULT_WORKERS_PER_MODEL": "1"}
    ) as server:
        with ThreadPoolExecutor(16) as pool:
            responses = list(pool.map(lambda n: server.post(f"[{n}]"), range(16)))
        assert [r.status_code for r in responses] == [500 if n == 13 else 200 for n in range(16)]
        assert "13 brings bad luck" in responses[13].json()["message"]
        assert [r.json() for n, r in enumerate(responses) if n != 13] == [
            [2 * n] for n in range(16) if n != 13
        ]
        assert server.describe()[0]["workers"][0]["status"] == "READY"


def arrived(server: Server) -> float:
    """Return the server's count of inference requests."""
    text = requests.get(f"{server.metrics}/metrics", timeout=10).text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "ts_inference_requests_total"
    )


def test_requests_in_flight_are_completed_before_the_server_stops(folder: Path) -> None:
    make_archive(folder, models.Slow(), "slow")
    server = Server(folder, folder / "slow.log", "slow")
    with server, ThreadPoolExecutor(3) as pool:
        before = arrived(server)
        pending = [pool.submit(server.post, "[-1]") for _ in range(3)]
        wait_until(lambda: arrived(server) >= before + 3, "three requests at the server")
        assert server.stop() == 0
        assert [p.result().json() for p in pending] == [[-2]] * 3
