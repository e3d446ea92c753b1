"""The server behaves the same with any environment of the caller."""

from __future__ import annotations

import datetime
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from scripts.model import archiver
from server.store.paths import ROOT
from tests.support import models
from tests.support.measuring import COVERAGE
from tests.support.mounts import mounted
from tests.support.page import healthy
from tests.support.server import Made, Server, free_port
from tests.support.wait import wait_until

# TorchServe's times have milliseconds.
SECOND = datetime.timedelta(seconds=1)
MAKEFILE = (ROOT / "Makefile").read_text()
# A user id that no account has, as platforms choose one for a container.
FOREIGN = 54_321


@pytest.fixture(scope="module")
def umlaut(store: Path) -> Iterator[Path]:
    """A checkout in a folder with a non-ASCII name, and short enough for the paths of sockets."""
    parent = Path(tempfile.mkdtemp())
    folder = parent / "Prüfung für Zoë"
    for part in ("server", "config.properties"):
        source, target = ROOT / part, folder / part
        copy = shutil.copytree if source.is_dir() else shutil.copy
        target.parent.mkdir(exist_ok=True)
        copy(source, target)
    shutil.copytree(store, folder / "model_store")
    (folder / "t").mkdir()
    yield folder
    shutil.rmtree(parent)


def foreign_user() -> list[str]:
    """Return the command that runs a program as a user without a name; none where it cannot be."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return []
    # The tree and Python may be in a folder of root, so this user may read everything.
    ability = "+dac_read_search"
    user = ["setpriv", f"--reuid={FOREIGN}", f"--regid={FOREIGN}", "--clear-groups"]
    user += [f"--inh-caps={ability}", f"--ambient-caps={ability}"]
    probe = [*user, sys.executable, "-c", "import os; exit(os.access('server', os.W_OK))"]
    return user if subprocess.run(probe, cwd=ROOT, check=False).returncode == 0 else []


def test_any_time_zone_and_locale_for_any_user_in_a_folder_with_an_umlaut(
    umlaut: Path, tmp_path: Path
) -> None:
    temp = umlaut / "t"
    temp.chmod(0o1777)
    umlaut.parent.chmod(0o755)
    variables = {"TMPDIR": str(temp), "LC_ALL": "POSIX", "PYTHONUTF8": "0", "TZ": "UTC-14"}
    began = datetime.datetime.now(datetime.UTC)
    server = Server(umlaut / "model_store", tmp_path / "log", environment=variables)
    user = foreign_user()
    server.folder, server.command = umlaut, [*user, *server.command]
    for name in ("LANG", "LC_CTYPE", "PYTHONIOENCODING", "HOME", "USER", "LOGNAME"):
        server.environment.pop(name, None)
    with server:
        pids = [server.java_pid(), *server.worker_pids()]
        uid = FOREIGN if user else os.geteuid()
        assert {psutil.Process(pid).uids().real for pid in pids} == {uid}
        assert server.post("[1, 2.5]").text == "[2.0,5.0]"
        (version,) = server.describe()
        started = datetime.datetime.fromisoformat(version["workers"][0]["startTime"])
        assert server.stop() == 0
    assert began - SECOND <= started <= datetime.datetime.now(datetime.UTC)
    assert list(temp.iterdir()) == []


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, str]:
    """Variables that shells, WSL, Kubernetes and other projects export."""
    (tmp_path / "path").mkdir()
    for module in ("settings", "handler", "wire"):
        (tmp_path / "path" / f"{module}.py").write_text(
            "raise SystemExit('a module of the caller')"
        )
    (tmp_path / "uv").mkdir()
    (tmp_path / "uv/uv.toml").write_text('index-url = "http://127.0.0.1:9/simple"\n')
    (tmp_path / "ts.properties").write_text("inference_address=http://127.0.0.1:1\n")
    proxies = [f"{scheme}_proxy" for scheme in ("http", "https", "all")]
    return {
        **dict.fromkeys([*proxies, *map(str.upper, proxies)], "http://127.0.0.1:9"),
        **dict.fromkeys(("no_proxy", "NO_PROXY"), ""),
        "TS_CONFIG_FILE": str(tmp_path / "ts.properties"),
        "TS_OPEN_INFERENCE_PROTOCOL": "oip",
        "TS_ALLOWED_URLS": ".*",
        "TS_MAX_REQUEST_SIZE": "10",
        "TS_INFERENCE_ADDRESS": "http://127.0.0.1:1",
        "TS_INSTALL_PY_DEP_PER_MODEL": "true",
        "TS_DEFAULT_WORKERS_PER_MODEL": "1",
        **dict.fromkeys(("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"), "-Xmx1m"),
        **dict.fromkeys(("CLASSPATH", "LOG_LOCATION", "VENV", "VIRTUAL_ENV"), "/nowhere"),
        "TZ": "Nowhere/Unknown",
        "LANG": "no_such.locale",
        "LC_CTYPE": "x",
        **dict.fromkeys(("NAME", "VERSION", "MODEL", "CONFIG", "ARGS", "FORCE"), "WSL-HOST"),
        **dict.fromkeys(("WORKERS", "PROCESSES"), "many"),
        "ENV": "/etc/profile",
        "CDPATH": "/usr:/tmp",
        "UI_PORT": "tcp://10.0.0.1:80",
        "PYTHONPATH": str(tmp_path / "path"),
        "PYTHONOPTIMIZE": "2",
        "UV_SYSTEM_PYTHON": "1",
        "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple/",
        "UV_PROJECT_ENVIRONMENT": "/nowhere",
        "UV_PYTHON": "2.7",
        "UV_FROZEN": "1",
        "XDG_CONFIG_HOME": str(tmp_path),
        "STREAMLIT_SERVER_BASE_URL_PATH": "elsewhere",
        "MODEL_STORE": str(tmp_path / "it's $one: 5% (store);"),
    }


def test_make_serve_archive_and_ui_in_a_hostile_environment(
    tmp_path: Path, hostile: dict[str, str]
) -> None:
    store, port = Path(hostile["MODEL_STORE"]), free_port()
    with Made(store, tmp_path / "log", environment=hostile) as server:
        assert server.post("[1, 2, 3, 4, 5, 6]").text == "[2,4,6,8,10,12]"
        # With the protocol that the variable would enable, TorchServe answers this with 501.
        assert requests.get(f"{server.url}/v2/x/versions/1/x", timeout=10).status_code == 404
        remote = {"url": "http://127.0.0.1:1/m.mar"}
        answer = requests.post(f"{server.management}/models", params=remote, timeout=10)
        assert answer.status_code == 400
        # Documented variables do have an effect.
        assert len(server.worker_pids()) == 1
        healthcheck = [sys.executable, "-m", "server.healthcheck"]
        subprocess.run(healthcheck, cwd=ROOT, env=server.environment, check=True, timeout=60)
        assert [path.name for path in store.iterdir()] == ["doubleit-1.0.mar"]
        for target in ("archive", "register"):
            assert make(server, target, "VERSION=2.0").wait(300) == 0
        assert server.post("[1]", "/predictions/doubleit/2.0").text == "[2]"
        page = make(server, "ui", f"UI_PORT={port}", f"BACKEND_URL={server.url}")
        try:
            wait_until(lambda: healthy(f"http://127.0.0.1:{port}"), "the page")
        finally:
            end(page)
        assert server.process
        end(server.process)
        assert server.process.wait(30) == 0


def make(server: Server, *arguments: str) -> subprocess.Popen[bytes]:
    """Run a target in the server's environment."""
    return subprocess.Popen(["make", *arguments], cwd=ROOT, env=server.environment)


def end(make: subprocess.Popen[bytes]) -> None:
    """Stop what make runs."""
    for process in psutil.Process(make.pid).children():
        process.terminate()
    make.wait(30)


# Characters that mean something to make or to a shell.
ODD = """it's "$$x" $$(y); a | b & c * > d # e % f"""
# Those of the list of `make` that are neither switches nor several words; make hands these images
# to programs in the environment.
NAMED = {
    target: [
        variable
        for variable in re.findall(r"\b([A-Z_]+)=(?!1)", text)
        if not re.fullmatch(r"ARGS|BUILD_FLAGS|PLATFORM|TAG|\w+_IMAGE", variable)
    ]
    for target, text in re.findall(r"^([a-z-]+):.*## (.*)$", MAKEFILE, re.MULTILINE)
}


@pytest.mark.parametrize("target", [target for target, variables in NAMED.items() if variables])
def test_make_quotes_every_value(target: str) -> None:
    """The command gets the value of the command line in one piece, or the environment has it."""
    done = subprocess.run(
        ["make", "--dry-run", target, *(f"{name}={name}{ODD}" for name in NAMED[target])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    words = shlex.split(done.stdout)
    for name in NAMED[target]:
        value = name + ODD.replace("$$", "$")
        assert any(word.endswith(value) for word in words), name


def test_packages_are_installed_into_the_virtual_environment_from_the_lock_file(
    hostile: dict[str, str],
) -> None:
    folder = "build/venv of a test"
    try:
        subprocess.run(
            ["make", f"--eval=probe:;@VENV='{folder}' scripts/dev/setup.sh ops", "probe"],
            cwd=ROOT,
            env={**os.environ, **hostile},
            check=True,
            timeout=300,
        )
        installed = list((ROOT / folder).glob("lib/python3.11/site-packages/*.dist-info"))
    finally:
        shutil.rmtree(ROOT / folder, ignore_errors=True)
    assert installed


def refuse(server: Server) -> str:
    """Start a server that cannot start; return the last line of its output, the reason."""
    process = server.start().process
    assert process
    assert process.wait(60) == 1
    last = server.output().splitlines()[-1]
    assert last.startswith("serve: ")
    return last.removeprefix("serve: ")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"HOST": "192.0.2.1"}, "set HOST to another address"),
        ({"HOST": "a" * 300}, "set HOST to another address"),
        (
            {"METRICS_PORT": "{taken}"},
            "127.0.0.1:{taken}: Address already in use; set METRICS_PORT",
        ),
        ({"MEMORY": "300MiB"}, "300 MiB do not hold 1 workers of each model"),
        ({"MODEL_STORE": "{folder}"}, "{folder}/doubleit-1.0.mar is missing: build it with make"),
        ({"MODEL_STORE": f"/{'s' * 300}"}, "File name too long: '/sss"),
        ({"TMPDIR": f"{{folder}}/{'t' * 100}"}, "is too long for the paths of sockets; set TMPDIR"),
    ],
)
def test_what_it_cannot_start_with_is_one_line(
    store: Path, tmp_path: Path, variables: dict[str, str], message: str
) -> None:
    (tmp_path / ("t" * 100)).mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        places = {"folder": tmp_path, "taken": taken.getsockname()[1]}
        server = Server(store, tmp_path / "log", environment=COVERAGE)
        server.environment |= {k: value.format(**places) for k, value in variables.items()}
        assert message.format(**places) in refuse(server)
    assert server.output().count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("noexec", "is mounted with noexec, and TorchServe loads a library from there"),
        ("size=300k", "0.3 MiB left, and the unpacked archives take 0."),
    ],
)
def test_a_temp_folder_that_does_not_do_is_refused_at_once(
    store: Path, tmp_path: Path, options: str, message: str
) -> None:
    server = Server(store, tmp_path / "log", environment={"TMPDIR": str(tmp_path / "t")})
    with mounted(tmp_path / "t", options):
        assert message in refuse(server)


def test_an_archive_that_does_not_load_is_an_error_at_once(tmp_path: Path) -> None:
    model = models.save(models.Difference(), tmp_path / "m.pt", models.ELEMENTWISE)
    archiver.package(model, "wrong", "1.0", model.with_suffix(".yaml"), tmp_path)
    server = Server(tmp_path, tmp_path / "log", "wrong")
    assert refuse(server) == "a worker died while loading wrong 1.0: see the server's log"
    assert "set batch to none" in server.output()
