"""docs/openapi.yaml matches the code and the behaviour of the real server."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from openapi_spec_validator import validate

from scripts.model.archiver import CONFIG
from server import memory, settings
from server.store.paths import ROOT
from tests.support.server import JSON, Server, compact
from wire.datatypes import DATATYPES, wider

HERE = Path(__file__).parent
PAGE = ROOT / "docs" / "openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(PAGE.read_text())
COMPONENTS = DOCUMENT["components"]
POSTS = [
    path.replace("{version}", "1.0") for path, item in DOCUMENT["paths"].items() if "post" in item
]
# The number of requests that Schemathesis generates for each operation and phase.
EXAMPLES = os.environ.get("CONTRACT_EXAMPLES", "10")


def requests_and_answers() -> Iterator[Any]:
    answers = COMPONENTS["responses"]["Answer"]["content"]["application/json"]["examples"]
    for kind, media in COMPONENTS["requestBodies"]["Numbers"]["content"].items():
        for name, example in media["examples"].items():
            yield pytest.param(kind, example["value"], answers[name]["value"], id=name)


def errors() -> Iterator[Any]:
    for response in COMPONENTS["responses"].values():
        for media in response.get("content", {}).values():
            for name, example in media.get("examples", {}).items():
                if "x-request" in example:
                    yield pytest.param(example, id=name)


def test_the_server_has_the_document_with_its_models(server: Server) -> None:
    validate(DOCUMENT)
    served = requests.get(f"{server.url}/openapi.json", timeout=10).json()
    validate(served)
    model = served["components"]["parameters"]["model"]
    assert model["schema"].pop("enum") == ["doubleit"]
    for path, item in served["paths"].items():
        if "{model}" in path:
            assert item["parameters"].pop(0) == {"$ref": "#/components/parameters/model"}
            item["parameters"] = item["parameters"] or None
    expected = {key: DOCUMENT[key] for key in ("openapi", "info", "components")}
    paths = {
        path.replace("/doubleit", "/{model}"): {
            **({"parameters": None} if "doubleit" in path else {}),
            **item,
        }
        for path, item in DOCUMENT["paths"].items()
    }
    assert served == {**expected, "paths": paths}


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/docs/docs.js", "/docs/docs.css"])
def test_the_page_of_the_document_may_load_nothing_from_elsewhere(
    server: Server, path: str
) -> None:
    response = requests.get(server.url + path, timeout=10)
    assert response.status_code == 200
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert set(re.findall(r"(?<=-src )[^;]+", policy)) == {"'none'", "'self'", "data:"}
    assert "//" not in re.sub(r"^ *//.*", "", response.text, flags=re.MULTILINE) or "json" in path
    assert requests.post(server.url + path, timeout=10).status_code == 405
    assert requests.get(f"{server.url}{path}/other", timeout=10).status_code == 404


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(("kind", "body", "answer"), list(requests_and_answers()))
def test_every_example_is_answered_as_shown(
    server: Server, path: str, kind: str, body: Any, answer: Any
) -> None:
    if kind == "application/json":
        response = server.post(json.dumps(body), path)
    else:
        files = {name: (None, value) for name, value in body.items()}
        response = requests.post(server.url + path, files=files, timeout=10)
    assert (response.status_code, response.text) == (200, compact(answer))
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["x-request-id"]


@pytest.mark.parametrize("example", list(errors()))
def test_every_error_is_the_one_shown(server: Server, example: dict[str, Any]) -> None:
    response = requests.post(
        server.url + example.get("x-path", "/predictions/doubleit"),
        data=example["x-request"].encode("latin-1"),
        headers={**JSON, **example.get("x-headers", {})},
        timeout=10,
    )
    assert response.json() == example["value"]
    assert response.status_code == example["value"]["code"]
    assert response.headers["Connection"] == "close"


@pytest.mark.parametrize(
    "path", [path for path, item in DOCUMENT["paths"].items() if "get" in item]
)
def test_every_other_operation_responds_as_shown(server: Server, path: str) -> None:
    found = DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    response = requests.get(server.url + path.replace("{version}", "1.0"), timeout=10)
    assert response.json() == found["example"]


def test_the_figures_are_those_of_the_code() -> None:
    text = PAGE.read_text()
    numbers = yaml.safe_load(CONFIG.read_text())["model"]["inputs"]["numbers"]
    bounds = {name: numbers[name] for name in ("minimum", "maximum")}
    assert COMPONENTS["schemas"]["Number"]["anyOf"][0] == {"type": "integer", **bounds}
    accepted = [name for name in DATATYPES if wider(name, numbers["datatype"])]
    schemas = COMPONENTS["schemas"]
    assert schemas["V2Input"]["properties"]["datatype"]["enum"] == accepted
    output = schemas["V2Answer"]["properties"]["outputs"]["items"]
    assert output["properties"]["datatype"]["enum"] == accepted
    (queue,) = re.findall(r"^job_queue_size=(\d+)$", settings.CONFIG.read_text(), re.MULTILINE)
    assert f"{memory.LARGEST_REQUEST_BYTES} bytes at most" in text
    assert f"or {queue} requests are already waiting" in text
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert DOCUMENT["info"]["version"] == project["version"]


def test_schemathesis_finds_nothing(server: Server, tmp_path: Path) -> None:
    workers = server.worker_pids()
    command: list[str | Path] = [
        *(Path(sys.executable).with_name("st"), "--config-file", HERE / "schemathesis.toml"),
        *("run", PAGE, "--url", server.url, "--max-examples", EXAMPLES),
    ]
    hooks = {"PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.contract.schemathesis_hooks"}
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | hooks, capture_output=True, text=True, check=False
    )
    print(done.stdout[done.stdout.find("= SUMMARY") :])  # noqa: T201 (with -s, for people)
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(workers) <= set(server.worker_pids())
