"""The server behaves the same with any environment of the caller."""

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

from server.store.paths import ROOT
from tests.support import models
from tests.support.containers import output
from tests.support.measuring import COVERAGE
from tests.support.mounts import mounted
from tests.support.operators import add
from tests.support.page import healthy
from tests.support.server import Made, Server, free_port
from tests.support.wait import wait_until

MAKEFILE = (ROOT / "Makefile").read_text()
# A user id that no account has, as platforms choose one for a container.
FOREIGN = 54_321


@pytest.fixture(scope="module")
def umlaut(store: Path) -> Iterator[Path]:
    """A checkout in a folder with a non-ASCII name, and short enough for the paths of sockets."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent, "Prüfung für Zoë")
        shutil.copytree(ROOT / "server", folder / "server")
        shutil.copy(ROOT / "config.properties", folder)
        shutil.copytree(store, folder / "model_store")
        (folder / "t").mkdir()
        yield folder


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
    # TorchServe's times have milliseconds.
    began = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
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
    assert began <= started <= datetime.datetime.now(datetime.UTC)
    assert list(temp.iterdir()) == []


@pytest.fixture
def hostile(tmp_path: Path) -> dict[str, str]:
    """Variables that shells, WSL, Kubernetes and other projects export."""
    (tmp_path / "path").mkdir()
    (tmp_path / "path/settings.py").write_text("raise SystemExit('a module of the caller')")
    (tmp_path / "uv").mkdir()
    (tmp_path / "uv/uv.toml").write_text('index-url = "http://127.0.0.1:9/simple"\n')
    (tmp_path / "ts.properties").write_text("inference_address=http://127.0.0.1:1\n")
    proxies = [f"{scheme}_proxy" for scheme in ("http", "https", "all")]
    return {
        **dict.fromkeys([*proxies, *map(str.upper, proxies)], "http://127.0.0.1:9"),
        **dict.fromkeys(("no_proxy", "NO_PROXY"), ""),
        "TS_CONFIG_FILE": str(tmp_path / "ts.properties"),
        "TS_OPEN_INFERENCE_PROTOCOL": "oip",
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
        "UV_SYSTEM_PYTHON": "1",
        "UV_PROJECT_ENVIRONMENT": "/nowhere",
        "XDG_CONFIG_HOME": str(tmp_path),
        "STREAMLIT_SERVER_BASE_URL_PATH": "elsewhere",
        "MODEL_STORE": str(tmp_path / "it's $one: 5% (store);"),
    }


def test_make_serve_archive_and_ui_in_a_hostile_environment(
    tmp_path: Path, hostile: dict[str, str]
) -> None:
    store, port = Path(hostile["MODEL_STORE"]), free_port()
    with Made(store, tmp_path / "log", environment=hostile) as server:
        assert server.post("[1]").text == "[2]"
        # With the protocol that the variable would enable, TorchServe answers this with 501.
        assert requests.get(f"{server.url}/v2/x/versions/1/x", timeout=10).status_code == 404
        # Documented variables do have an effect.
        assert len(server.worker_pids()) == 1
        output([sys.executable, "-m", "server.healthcheck"], server.environment)
        assert [path.name for path in store.iterdir()] == ["doubleit-1.0.mar"]
        for target in ("archive", "register"):
            output(["make", target, "VERSION=2.0"], server.environment)
        assert server.post("[1]", "/predictions/doubleit/2.0").text == "[2]"
        make_ui = ["make", "ui", f"UI_PORT={port}", f"BACKEND_URL={server.url}"]
        page = subprocess.Popen(make_ui, cwd=ROOT, env=server.environment)
        try:
            wait_until(lambda: healthy(f"http://127.0.0.1:{port}"), "the page")
        finally:
            end(page)
        end(server.process)
        assert server.process.wait(30) == 0


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
    values = [f"{name}={name}{ODD}" for name in NAMED[target]]
    words = shlex.split(output(["make", "--dry-run", target, *values]))
    for name in NAMED[target]:
        value = name + ODD.replace("$$", "$")
        assert any(word.endswith(value) for word in words), name


def test_packages_are_installed_into_the_virtual_environment_from_the_lock_file(
    hostile: dict[str, str],
) -> None:
    folder = "build/venv of a test"
    rule = f"--eval=probe:;@VENV='{folder}' scripts/dev/setup.sh ops"
    try:
        output(["make", rule, "probe"], hostile)
        installed = list((ROOT / folder).glob("lib/python3.11/site-packages/*.dist-info"))
    finally:
        shutil.rmtree(ROOT / folder, ignore_errors=True)
    assert installed


def refuse(server: Server) -> str:
    """Start a server that cannot start; return the last line of its output, the reason."""
    assert server.start().process.wait(60) == 1
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
    temp = tmp_path.parent / "t"  # short enough for the paths of sockets
    server = Server(store, tmp_path / "log", environment={"TMPDIR": str(temp)})
    with mounted(temp, options):
        assert message in refuse(server)


def test_an_archive_that_does_not_load_is_an_error_at_once(tmp_path: Path) -> None:
    add(tmp_path, "1.0", models.Difference(), models.ELEMENTWISE)
    server = Server(tmp_path, tmp_path / "log")
    assert refuse(server) == "a worker died while loading doubleit 1.0: see the server's log"
    assert "set batch to none" in server.output()
