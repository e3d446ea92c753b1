"""The server behaves the same with any environment of the caller."""

from __future__ import annotations

import datetime
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests

from server.ports import free_ports
from server.store.paths import ROOT
from tests.support.server import Server

# TorchServe's times have milliseconds.
SECOND = datetime.timedelta(seconds=1)
DEAD_PROXY = "http://127.0.0.1:9"
LOCALE = {"LANG": "", "LC_ALL": "", "LC_CTYPE": "", "PYTHONUTF8": "", "PYTHONIOENCODING": ""}


@pytest.fixture(scope="module")
def umlaut(tmp_path_factory: pytest.TempPathFactory, store: Path) -> Iterator[Path]:
    """A checkout in a folder with a non-ASCII name."""
    folder = tmp_path_factory.mktemp("checkout") / "Prüfung für Zoë"
    for part in ("server", "config.properties"):
        source, target = ROOT / part, folder / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        target.parent.mkdir(exist_ok=True)
        copy(source, target)
    shutil.copytree(store, folder / "model_store")
    (folder / "t").mkdir()
    yield folder
    shutil.rmtree(folder)


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with changes; an empty value removes a variable."""
    changed = {**os.environ, **free_ports(), **changes}
    return {name: value for name, value in changed.items() if value}


@pytest.mark.parametrize(
    ("zone", "locale"),
    [
        pytest.param("Asia/Tokyo", {"LANG": "de_DE.UTF-8"}, id="de_DE.UTF-8"),
        pytest.param("America/Los_Angeles", {"LC_ALL": "de_DE.ISO-8859-1"}, id="ISO-8859-1"),
        pytest.param("Nowhere/Unknown", {"LANG": "no_such.locale", "LC_CTYPE": "x"}, id="unknown"),
        pytest.param("UTC-14", {"LC_ALL": "POSIX", "PYTHONUTF8": "0"}, id="POSIX"),
    ],
)
def test_any_time_zone_and_locale_in_a_folder_with_an_umlaut(
    umlaut: Path, tmp_path: Path, zone: str, locale: dict[str, str]
) -> None:
    class Elsewhere(Server):
        def start(self) -> Elsewhere:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "server"],
                    cwd=umlaut,
                    env=environment({**self.environment, **LOCALE, "TZ": zone, **locale}),
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            return self

    variables = {"TMPDIR": str(umlaut / "t")}
    began = datetime.datetime.now(datetime.UTC)
    with Elsewhere(umlaut / "model_store", tmp_path / "log", environment=variables) as server:
        assert server.post("[1, 2.5]").text == "[2.0,5.0]"
        (version,) = server.describe()
        started = datetime.datetime.fromisoformat(version["workers"][0]["startTime"])
        assert server.stop() == 0
    assert began - SECOND <= started <= datetime.datetime.now(datetime.UTC)
    assert list((umlaut / "t").iterdir()) == []


def test_a_dead_proxy(store: Path, tmp_path: Path) -> None:
    names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    proxies = {**dict.fromkeys(names, DEAD_PROXY), "no_proxy": "", "NO_PROXY": ""}
    with Server(store, tmp_path / "log", environment=proxies) as server, requests.Session() as own:
        own.trust_env = False
        assert own.post(server.predictions, data="[21]", timeout=30).text == "[42]"
        ask = [sys.executable, "-m", "server.healthcheck"]
        subprocess.run(ask, cwd=ROOT, env=server.environment, check=True, timeout=30)
        listed = [sys.executable, "-m", "server.versions", "list"]
        subprocess.run(listed, cwd=ROOT, env=server.environment, check=True, timeout=30)
        assert server.stop() == 0


def test_nothing_of_torchserves_configuration_comes_from_the_caller(
    store: Path, tmp_path: Path
) -> None:
    (tmp_path / "evil.properties").write_text("inference_address=http://127.0.0.1:1\n")
    caller = {
        "TS_CONFIG_FILE": str(tmp_path / "evil.properties"),
        "TS_OPEN_INFERENCE_PROTOCOL": "oip",
        "TS_ALLOWED_URLS": ".*",
        "TS_MAX_REQUEST_SIZE": "10",
        "TS_INFERENCE_ADDRESS": "http://127.0.0.1:1",
        "TS_INSTALL_PY_DEP_PER_MODEL": "true",
        "TS_DEFAULT_WORKERS_PER_MODEL": "1",
        "JAVA_TOOL_OPTIONS": "-Xmx1m",
        "JDK_JAVA_OPTIONS": "-Xmx1m",
        "_JAVA_OPTIONS": "-Xmx1m",
        "CLASSPATH": "/nowhere",
        "LOG_LOCATION": "/nowhere",
    }
    with Server(store, tmp_path / "log", environment=caller) as server:
        assert server.post("[1, 2, 3, 4, 5, 6]").text == "[2,4,6,8,10,12]"
        # The protocol that the variable would enable in TorchServe.
        assert requests.get(f"{server.url}/v2/health/live", timeout=10).status_code == 404
        remote = {"url": "http://127.0.0.1:1/m.mar"}
        answer = requests.post(f"{server.management}/models", params=remote, timeout=10)
        assert answer.status_code == 400
        # Documented variables do have an effect.
        assert len(server.worker_pids()) == 1


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"HOST": "::1"}, "HOST=::1: TorchServe cannot listen on an IPv6 address"),
        ({"METRICS_HOST": "::"}, "METRICS_HOST=::: TorchServe cannot listen on an IPv6 address"),
        ({"MANAGEMENT_HOST": "[::1]"}, "TorchServe cannot listen on an IPv6 address"),
        ({"HOST": "192.0.2.1"}, "set HOST to another address"),
        ({"HOST": "no.such.host.invalid"}, "set HOST to another address"),
        ({"HOST": "a" * 300}, "set HOST to another address"),
        ({"MEMORY": "much"}, "MEMORY=much is not a size such as 1GiB or 512MiB"),
        ({"MEMORY": "300MiB"}, "300 MiB do not hold 1 workers of each model"),
        ({"TS_DEFAULT_WORKERS_PER_MODEL": "two"}, "is not a number from 1 to 9999"),
        ({"FULL_SIZE_REQUESTS": "0"}, "is not a number from 1 to 9999"),
        ({"MODEL_NAME": "n" * 260}, "is not a model name"),
        ({"MODEL_VERSION": "9" * 300}, "is not a version"),
    ],
)
def test_what_it_cannot_start_with_is_one_line(
    store: Path, variables: dict[str, str], message: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "server"],
        cwd=ROOT,
        env=environment({"MODEL_STORE": str(store), **variables}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.startswith("serve: ")
    assert done.stderr.count("\n") == 1
